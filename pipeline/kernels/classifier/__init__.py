"""fastText models: read from their files, scored without the library."""
