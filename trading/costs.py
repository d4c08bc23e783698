"""Estimates of what orders cost, by their former name; `trading/execution/costs.py` has them."""

from trading.execution.costs import Charge, affordable, charge, fill_price, price_impact, whole

__all__ = ["Charge", "affordable", "charge", "fill_price", "price_impact", "whole"]
