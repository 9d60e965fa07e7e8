"""From a dataset to the analysis set: columns and their roles, filters, types, and values that
cannot be used.
"""
