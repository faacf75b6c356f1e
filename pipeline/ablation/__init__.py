"""Proxy models trained on two data sets, and their comparison."""

from pipeline.ablation.compare import Verdict, ablate
from pipeline.ablation.files import text_files
from pipeline.ablation.model import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "Verdict", "ablate", "text_files"]
