"""The five levels: pure steps, one component per file."""
