"""Studies around a recipe: seed pools compared, documents graded by a model, the ablation hook."""
