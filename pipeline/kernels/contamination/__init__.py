"""Finding known texts (evaluation items, held-out documents) in other texts by their words."""
