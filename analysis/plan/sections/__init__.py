"""The tables of an analysis plan: their keys, and what each key may say."""
