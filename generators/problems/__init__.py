"""Problem sources: where programs with tests come from."""
