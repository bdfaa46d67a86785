"""The checkers of the exercises: `verdict` is how to judge, then one file a notebook."""
