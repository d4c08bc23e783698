"""Where a return came from: groups against a benchmark, factors, trades and costs.

Effects sum to what they explain; over several periods they are linked by Cariño's coefficients.
"""
