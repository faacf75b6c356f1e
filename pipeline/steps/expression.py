"""Whole-number arithmetic that people write into files: read as a tree of a few kinds of nodes, never run as code.

L3 makes a task's answer with it and L4 works it out again. Values are exact fractions; every operation is bounded, so
that no expression takes long or much memory.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

MAXIMUM_CHARS = 500
MAXIMUM_DEPTH = 50
MAXIMUM_BITS = 4_096
"""Of a numerator, a denominator, and of what a power would make."""
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,40})\}")


class ExpressionError(ValueError):
    """What is wrong with an expression, or with these values in it, in one line."""


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or exponent < 0:
        raise ExpressionError(f"{base} ** {exponent}: an exponent is a whole number from 0")
    if max(_bits(base), 1) * exponent > MAXIMUM_BITS:
        raise ExpressionError(f"{base} ** {exponent} is too large; use smaller ranges")
    return base ** int(exponent)


def _whole(function: Callable[..., int]) -> Callable[..., Fraction]:
    def apply(*values: Fraction) -> Fraction:
        if any(value.denominator != 1 for value in values):
            raise ExpressionError(f"{function.__name__} takes whole numbers, not {', '.join(map(str, values))}")
        return Fraction(function(*map(int, values)))

    return apply


OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
COMPARISONS: dict[type, Callable[[Fraction, Fraction], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Fraction]] = {
    "abs": abs, "min": min, "max": max, "gcd": _whole(math.gcd), "lcm": _whole(math.lcm),
}  # fmt: skip
ARGUMENTS = {"abs": (1, 1), "min": (2, 9), "max": (2, 9), "gcd": (2, 9), "lcm": (2, 9)}
RULE = (
    "an expression is made of whole numbers, parameters, + - * / // % **, comparisons joined by `and`, and "
    + ", ".join(FUNCTIONS)
)


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """The expression's tree. Raises ExpressionError for whatever is no such expression."""
    if len(text) > MAXIMUM_CHARS:
        raise ExpressionError(f"it has {len(text)} characters; {MAXIMUM_CHARS} are allowed")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, RecursionError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"'{text}' cannot be read; {RULE}") from None
    return tree


def names_in(text: str) -> set[str]:
    """The parameters that the expression uses."""
    calls = {id(node.func) for node in ast.walk(parse(text)) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name) and id(node) not in calls}


def evaluate(text: str, values: Mapping[str, int]) -> Fraction:
    """The value; a comparison is 1 or 0. Raises ExpressionError."""
    return _value(parse(text), values)


def fill(template: str, values: Mapping[str, int]) -> str:
    """The template with its `{name}`s replaced; no attributes, formats or nesting. Raises ExpressionError."""
    if unknown := set(PLACEHOLDER.findall(template)) - set(values):
        raise ExpressionError(f"the placeholders {sorted(unknown)} are no parameters; there are {sorted(values)}")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)


def _check(node: ast.AST, depth: int = 1) -> None:
    if depth > MAXIMUM_DEPTH:
        raise ExpressionError(f"it is nested more than {MAXIMUM_DEPTH} deep; write it flatter")
    match node:
        case ast.Constant(value=value) if type(value) is int and value.bit_length() <= MAXIMUM_BITS:
            parts: list[ast.expr] = []
        case ast.Name():
            parts = []
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
            parts = [left, *others]
        case ast.BoolOp(op=ast.And(), values=parts):
            pass
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            least, most = ARGUMENTS[name]
            if not least <= len(parts) <= most:
                raise ExpressionError(f"{name} takes {least} to {most} values, not {len(parts)}")
        case _:
            raise ExpressionError(f"'{ast.unparse(node)}' is not allowed; {RULE}")
    for part in parts:
        _check(part, depth + 1)


def _value(node: ast.expr, values: Mapping[str, int]) -> Fraction:
    match node:
        case ast.Constant(value=value):
            return Fraction(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            if name not in values:
                raise ExpressionError(f"'{name}' is no parameter; there are {sorted(values)}")
            return Fraction(values[name])
        case ast.UnaryOp(op=op, operand=operand):
            found = _value(operand, values)
            return -found if isinstance(op, ast.USub) else found
        case ast.BinOp(left=left, op=op, right=right):
            try:
                return _bounded(OPERATORS[type(op)](_value(left, values), _value(right, values)))
            except ZeroDivisionError:
                raise ExpressionError(f"'{ast.unparse(node)}' divides by 0; narrow the ranges, or `require`") from None
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(one, values) for one in (left, *others)]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return Fraction(all(COMPARISONS[type(op)](one, other) for op, one, other in pairs))
        case ast.BoolOp(values=parts):
            return Fraction(all(_value(part, values) for part in parts))
        case ast.Call(func=ast.Name(id=name), args=parts):
            return _bounded(FUNCTIONS[name](*(_value(part, values) for part in parts)))
    raise AssertionError(f"{node} has passed `_check`")


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAXIMUM_BITS:
        raise ExpressionError("a value is too large; use smaller ranges")
    return value
