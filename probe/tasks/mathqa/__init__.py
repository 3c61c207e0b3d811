"""Word problems: models write a program, or a formula, whose value is the answer."""
