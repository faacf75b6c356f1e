"""Shingles, MinHash signatures, exact similarity, connected components, repeated substrings."""
