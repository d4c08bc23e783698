"""Books of memories: of a run, and of an outside client."""
