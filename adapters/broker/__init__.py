"""Brokers: one venue a file, each behind `interfaces/broker.py`."""
