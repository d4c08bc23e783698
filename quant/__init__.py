"""Pure mathematics of markets in float64 arrays.

No clock, no store, no money: amounts are Decimal and live elsewhere.
"""
