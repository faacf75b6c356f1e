"""L0 collect: files to documents."""
