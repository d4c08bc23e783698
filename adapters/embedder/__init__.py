"""Text embedders, one a file."""
