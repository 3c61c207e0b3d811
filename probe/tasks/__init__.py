"""What models are asked to do, and how it is scored."""
