"""Sources of dated documents, one a file."""
