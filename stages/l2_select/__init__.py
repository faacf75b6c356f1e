"""L2 select: high-quality documents."""
