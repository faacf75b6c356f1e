"""Where requests are answered: vLLM in a process of its own, and the models that a recipe may name."""
