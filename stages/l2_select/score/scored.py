"""What the steps that decide by a score share."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]


def in_type_of(kind: pa.DataType, limit: float) -> float:
    """The limit as a column of floats of this type would hold it; unchanged where the column holds whole numbers."""
    return float(pa.scalar(limit, kind).as_py()) if pa.types.is_floating(kind) else limit


def require_columns(kind: str, schema: pa.Schema, scores: tuple[str, ...], per: str | None = None) -> None:
    """Raise ValueError if a score is missing or no number, or the column to group by is missing."""
    for name in (*scores, *((per,) if per else ())):
        if name not in schema.names:
            near = difflib.get_close_matches(name, schema.names, 1)
            meant = f"did you mean '{near[0]}'? Else " if near else ""
            raise ValueError(
                f"{kind}: no column '{name}' here, only {', '.join(schema.names)}; {meant}"
                "put the step that makes it before, such as `from_meta` for a column of the input"
            )
    for name in scores:
        found = schema.field(name).type
        if not (pa.types.is_floating(found) or pa.types.is_integer(found)):
            raise ValueError(f"{kind}: column '{name}' is {found}, and a score must be a number; name another column")


def decisions(
    rows: pa.Table, gone: Array, rules: Array, value: Array, threshold: Array, **columns: pa.Array
) -> pa.Table:
    """A row for each document that is dropped, or for all if there are columns to set; nan stands for nothing."""
    chosen = np.ones(len(gone), np.bool_) if columns else gone
    silent = ~gone[chosen]
    return pa.table(
        {
            "shard": rows.column("shard").filter(pa.array(chosen)),
            "row": rows.column("row").filter(pa.array(chosen)),
            "rule": pa.array(rules[chosen].astype(object), pa.string(), mask=silent),
            "value": pa.array(value[chosen].astype(np.float64), mask=silent | np.isnan(value[chosen])),
            "threshold": pa.array(threshold[chosen].astype(np.float64), mask=silent | np.isnan(threshold[chosen])),
            **columns,
        }
    )
