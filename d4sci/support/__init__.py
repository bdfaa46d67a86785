"""Plumbing that no lesson is about."""
