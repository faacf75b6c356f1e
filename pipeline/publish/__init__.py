"""What leaves the store as a version: release, data set card, certificate."""
