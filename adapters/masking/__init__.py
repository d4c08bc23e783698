"""Masking: a change of names, dates and units between a run and its model, undone on the way back.

A model then meets the market it is asked about, not the one it remembers.
"""
