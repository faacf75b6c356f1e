"""Proxy models trained on two data sets, and their comparison."""
