"""Small changes of a program: tests that let them all pass test nothing."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from typing import Any

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(code: str, seed: int, most: int) -> list[str]:
    """Up to `most` programs with one change each, drawn by the seed; none where the code cannot be read."""
    try:
        count = sum(1 for _ in _changes(ast.parse(code)))
        found = []
        for number in random.Random(seed).sample(range(count), min(most, count)):
            tree = ast.parse(code)
            setattr(*next(change for place, change in enumerate(_changes(tree)) if place == number))
            found.append(ast.unparse(ast.fix_missing_locations(tree)))
    except (SyntaxError, ValueError, RecursionError):
        return []
    return found


def _changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Node, field and new value of every change."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
            yield node, "op", SWAPPED[type(node.op)]()
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
            yield node, "ops", [SWAPPED[type(node.ops[0])](), *node.ops[1:]]
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, "value", not node.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            yield node, "value", node.value + 1
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node, "value", ast.Constant(None)
