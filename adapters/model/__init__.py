"""Chat models: one vendor a file; deterministic baselines in `baseline/`."""
