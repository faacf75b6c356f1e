"""Quality scores: one classifier, or several together."""
