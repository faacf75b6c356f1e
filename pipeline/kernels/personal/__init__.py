"""Addresses, numbers and names of accounts in text."""
