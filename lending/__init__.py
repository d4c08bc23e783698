"""Pure mathematics of credit and households in Decimal.

Random paths come in as arrays; no clock, no store, no vendor.
"""
