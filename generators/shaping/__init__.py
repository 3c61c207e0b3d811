"""What example calls have in common, and new arguments after their pattern."""
