"""Words, lines and sentences of a text, and the rules of the filters over them."""
