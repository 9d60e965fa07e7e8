"""What is asked in an audit, one question a module: each takes a sample, an outcome and a score."""
