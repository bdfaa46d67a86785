"""The fast ways to the same answers, one engine a file; the lessons hold the plain ones."""
