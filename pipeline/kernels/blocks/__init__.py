"""Loops over the blocks of a page: signs in their texts, sums over the elements above them, boosted trees."""
