"""Models to measurements to reports."""
