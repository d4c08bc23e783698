"""What comes after what: the graph, the clock loop, jobs and the worker.

Only `worker.py` assembles a run; no vendor's name and no HTTP status here.
"""
