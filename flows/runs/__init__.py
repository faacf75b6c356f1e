"""A run of a recipe: what the recipe says, the models and earlier versions it names, and the run itself."""
