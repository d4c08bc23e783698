"""The words everybody speaks: frozen messages and the error tree.

A type belongs here when it crosses a process or is stored. It imports nothing of ours,
reads no clock and no environment, and holds no behaviour beyond validation.
"""
