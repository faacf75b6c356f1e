"""Upkeep of a store: what was asked to be taken down, and what nobody needs any more."""
