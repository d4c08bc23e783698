"""Pure rules of orders and money in Decimal.

State is a value rebuilt from ticks; nothing here talks to a broker or a store.
"""
