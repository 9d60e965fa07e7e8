"""Noise in engagement: reliability, corrections, the break-even, and what noise alone could do."""
