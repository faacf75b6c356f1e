"""What a text becomes before it is scored: Ultra-FineWeb's steps and plainer ones."""
