"""Samplers of QUBOs: `annealing` and `steepest` by dwave-samplers, `exact` by enumeration.

They propose; whoever asks recomputes every energy. The libraries are imported inside the calls:
they take a second to load, and most processes never sample.
"""
