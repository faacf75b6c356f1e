"""Recipes, the run, the command line, Prefect."""
