"""L3 synthesize: documents that did not exist."""
