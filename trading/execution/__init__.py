"""How orders are filled and what that costs: the class behind each policy of an execution model.

One policy, one class; a module a topic. `policies.py` chooses them for a run, `costs.py` estimates
before a trade, `matching.py` says what a bar does to an order, `pricing.py` what a fill costs.
Nothing here knows a market or a clock: bars and figures come in as arguments.
"""
