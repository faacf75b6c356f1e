"""The core: documents, steps, levels, the store. It knows no level by name and no Prefect."""
