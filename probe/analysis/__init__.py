"""Analyses of stored samples and the trivial baselines."""
