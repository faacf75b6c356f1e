"""L4 verify: certified documents."""
