"""Models repair their programs from feedback in natural language, over several turns."""
