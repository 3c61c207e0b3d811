"""Changes of a program's source: some keep what it means, some change it; and files of them."""
