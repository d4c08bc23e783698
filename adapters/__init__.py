"""How it is done, one vendor a file.

Vendors' errors are translated here; `wiring.py` alone knows the settings.
"""
