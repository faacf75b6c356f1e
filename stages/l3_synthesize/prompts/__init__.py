"""Prompts, one file each, and how a reply is read."""
