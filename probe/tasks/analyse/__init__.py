"""What is behind a score of written programs."""
