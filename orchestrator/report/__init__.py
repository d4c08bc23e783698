"""The report of a finished job: one HTML file, and the files beside it.

Turns a `ResultsBundle` into bytes, purely: no clock, no store, no network. Says what the numbers
say and nothing else; refuses to hide a shortfall, a cost or a caveat.
"""
