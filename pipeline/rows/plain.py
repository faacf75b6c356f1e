"""Arrow values as plain ones, and those as JSON that every reader takes (RFC 8259)."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa

ODD = (OverflowError, ValueError, LookupError, pa.ArrowException)
"""What Arrow raises for a value that Python has no room for: years beyond 9999, nanoseconds, unknown time zones."""


def to_json(value: Any) -> str:
    """One line with sorted keys. NaN and infinities, which JSON does not have, become null; objects become text."""
    try:
        return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=str, ensure_ascii=False, sort_keys=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def plain_values(column: pa.Array) -> list[Any]:
    """The column's values as Python's own; those that Python has no room for as text."""
    try:
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            # As nanoseconds they would be pandas' where that is installed, and an error where it is not.
            column = column.cast(pa.timestamp("us", column.type.tz))
        return list(column.to_pylist())
    except ODD:
        return [plain_value(value) for value in column]


def plain_value(value: pa.Scalar) -> Any:
    """One value, as `plain_values` has it."""
    if not value.is_valid:
        return None
    kind = value.type
    if pa.types.is_struct(kind):
        return {field.name: plain_value(value[number]) for number, field in enumerate(kind)}
    if hasattr(value, "values") and pa.types.is_nested(kind):
        return [plain_value(one) for one in value.values]
    if pa.types.is_timestamp(kind):
        return _instant(value)
    try:
        return value.as_py()
    except ODD:
        pass
    try:
        return value.cast(pa.string()).as_py()
    except ODD:
        return str(value.value)


def _instant(value: pa.TimestampScalar) -> Any:
    kind = value.type
    try:
        return value.cast(pa.timestamp("us", kind.tz)).as_py()
    except ODD:
        pass
    try:
        return value.cast(pa.string()).as_py()
    except ODD:  # an unknown time zone: the instant itself is in UTC
        return pa.scalar(value.value, pa.timestamp(kind.unit, "UTC")).cast(pa.string()).as_py()
