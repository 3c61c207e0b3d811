"""Programs of finished runs are run again, and what comes of it is held against what is stored."""
