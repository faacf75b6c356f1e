"""The published quality filters: Gopher, C4, FineWeb."""
