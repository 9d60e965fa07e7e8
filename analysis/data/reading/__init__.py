"""How files become tables: formats, archives, databases, and cells that are converted as the plan
says.
"""
