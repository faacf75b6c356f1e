"""Exact, near and substring duplicates: grouping steps and what they share."""
