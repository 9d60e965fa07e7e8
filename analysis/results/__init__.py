"""What a run found: estimates, checks and verdicts, the decision rule, and how each is said,
tabulated and drawn.
"""
