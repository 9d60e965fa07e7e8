"""A folder a question: what is asked of one score and one outcome."""
