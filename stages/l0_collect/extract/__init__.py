"""The main text of a page, in a process of its own."""
