"""The reasonable analyses that a plan declares, and the rows and columns they draw on."""
