"""What is asked of the score, one question a module."""
