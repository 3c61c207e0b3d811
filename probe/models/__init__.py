"""Models: catalog, loading and decoding."""
