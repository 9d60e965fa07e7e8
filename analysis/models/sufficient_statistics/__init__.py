"""Sufficient statistics of a design: one look at the rows, then any number of fits without them.

Every column is centred, scaled and written in an orthonormal basis of the whole table (a blocked
Householder QR), and only then are sums of products taken, by group and over all rows. Sums of
orthonormal columns carry the condition number of the data once, where sums of the raw columns carry
its square (and, for HC errors, its fourth power).
"""

from __future__ import annotations

from analysis.models.sufficient_statistics.measure import measure_moments, orthonormalise
from analysis.models.sufficient_statistics.pairs import (
    pair_map,
    pair_products,
    pair_weights,
    pairs_without,
    unpack_pairs,
)
from analysis.models.sufficient_statistics.record import (
    GroupSums,
    Moments,
    condition_number,
    refusal,
)

__all__ = [
    "GroupSums",
    "Moments",
    "condition_number",
    "measure_moments",
    "orthonormalise",
    "pair_map",
    "pair_products",
    "pair_weights",
    "pairs_without",
    "refusal",
    "unpack_pairs",
]
