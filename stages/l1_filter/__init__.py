"""L1 filter: clean, unique documents."""
