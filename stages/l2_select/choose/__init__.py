"""Which rows stay, by their score."""
