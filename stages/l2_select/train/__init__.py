"""Classifiers trained from seeds, and how far their scores are probabilities."""
