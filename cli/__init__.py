"""Terminal in and out: it translates, never decides.

Exit codes: 0 done, 2 bad input, 3 refused, 4 unavailable, 5 failed.
"""
