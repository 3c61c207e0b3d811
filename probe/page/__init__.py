"""A page on this machine where people give feedback to a model, see ``probe dialog serve``."""
