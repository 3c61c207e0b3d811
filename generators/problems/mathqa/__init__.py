"""MathQA-Python: word problems whose answer is a number, with a program that computes it."""
