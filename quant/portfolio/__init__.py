"""How much of each asset to hold: one estimator a file, long-only, weights that sum to 1.

Every estimator takes simple returns (T, N), the oldest row first, and answers (N,) weights for
the period after the last row; it sees nothing else. No money and no orders: `quantise_weights` is
the border to `Decimal`.
"""
