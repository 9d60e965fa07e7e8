"""Scores in the vendors' style, from a table of activity: what is published of them, and free choices that say so."""
