"""Questions about the way a call takes through its program: made from recordings, asked, scored."""
