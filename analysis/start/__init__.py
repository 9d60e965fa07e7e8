"""The start of a study: a file is looked at, and a plan, a codebook and a notebook are drafted."""
