"""Finds and replaces personal data in the text buffer.

`folding.py` reads other forms of a sign as that sign, `personal_rules.py` says what personal data looks like, and
`validate.py` asks libraries about the few candidates that are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.personal.classes import ANCHOR, CLASS, DIGIT, next_of, run_of, starts
from pipeline.kernels.personal.folding import fold
from pipeline.kernels.personal.personal_rules import IBAN, KINDS, PHONE, find_at
from pipeline.kernels.personal.validate import EXTENSION_WITHIN, is_iban, phone_stop
from pipeline.kernels.utf8 import Array, grown, read_only, text_buffers


def replace(texts: pa.StringArray, replacements: Sequence[str | None]) -> tuple[pa.StringArray, dict[str, int]]:
    """The texts with what was found replaced, and per kind the rows that changed.

    `replacements` go with `KINDS`; None leaves a kind alone. Where nothing is found the same array comes back.
    """
    data, offsets = text_buffers(texts)
    new = [(text or "").encode() for text in replacements]
    wanted = np.array([text is not None for text in replacements])
    ends = np.cumsum([0, *map(len, new)])
    joined = read_only(np.frombuffer(b"".join(new) or b"\0", np.uint8))
    folded = fold(data, offsets)
    seen, bounds = (data, offsets) if folded is None else (folded.data, folded.offsets)
    row, kind, start, stop = _resolved(seen, bounds, *_scan(seen, bounds, wanted, joined, ends))
    if not len(row):
        return texts, {}
    if folded is not None:
        start, stop = folded.starts(start), folded.stops(stop)
    out, out_offsets = _splice(data, offsets, row, kind, start, stop, joined, ends)
    edited = pa.StringArray.from_buffers(len(texts), pa.py_buffer(out_offsets), pa.py_buffer(out))
    if texts.null_count:
        edited = pc.if_else(texts.is_valid(), edited, None)
    rows = {name: len(np.unique(row[kind == index])) for index, name in enumerate(KINDS)}
    return edited, {name: count for name, count in rows.items() if count}


def _resolved(data: Array, offsets: Array, row: Array, kind: Array, start: Array, stop: Array) -> tuple[Array, ...]:
    """What was found without candidates that are nothing, in order and without overlap."""
    candidates = (kind == PHONE) | (kind == IBAN)
    if not candidates.any():
        return row, kind, start, stop
    stop = stop.copy()
    kept, free = [], -1
    for place in np.argsort(start, kind="stable").tolist():
        low, high = int(start[place]), int(stop[place])
        if low < free:
            continue
        if kind[place] == PHONE:
            text = data[low : min(high + EXTENSION_WITHIN, int(offsets[row[place] + 1]))].tobytes()
            high = low + phone_stop(text, high - low)
        elif kind[place] == IBAN and not is_iban(data[low:high].tobytes().decode("ascii")):
            high = low
        if high > low:
            kept.append(place)
            stop[place] = free = high
    return row[kept], kind[kept], start[kept], stop[kept]


@njit(cache=True, nogil=True)
def _scan(data, offsets, wanted, new, ends):
    """Row, kind, first byte and byte after the last of everything found; candidates may overlap others."""
    row, kind = np.empty(64, np.int32), np.empty(64, np.int8)
    start, stop = np.empty(64, np.int64), np.empty(64, np.int64)
    count = 0
    for r in range(len(offsets) - 1):
        first, last = np.int64(offsets[r]), np.int64(offsets[r + 1])
        i = free = first
        while True:
            i = next_of(data, i, last, ANCHOR)
            if i == last:
                break
            found, low, high = find_at(data, first, i, last)
            if found < 0 or low < free or not wanted[found]:
                i = run_of(data, i, last, DIGIT) if CLASS[data[i]] & DIGIT else i + 1
                continue
            if found in (PHONE, IBAN):  # may turn out to be nothing, or shorter
                i = run_of(data, i, last, DIGIT) if CLASS[data[i]] & DIGIT else i + 1
            else:
                i = free = high
            text = new[ends[found] : ends[found + 1]]
            if len(text) == high - low and starts(data, low, high, text):
                continue
            if count == len(row):
                row, kind = grown(row, 2 * count), grown(kind, 2 * count)
                start, stop = grown(start, 2 * count), grown(stop, 2 * count)
            row[count], kind[count], start[count], stop[count] = r, found, low, high
            count += 1
    return row[:count], kind[:count], start[:count], stop[:count]


@njit(cache=True, nogil=True)
def _splice(data, offsets, row, kind, start, stop, new, ends):
    """The buffer with the spans replaced, and its offsets."""
    size = np.int64(offsets[-1]) - offsets[0]
    for k in range(len(row)):
        size += ends[kind[k] + 1] - ends[kind[k]] - (stop[k] - start[k])
    out, out_offsets = np.empty(size, np.uint8), np.zeros(len(offsets), np.int32)
    at, k = np.int64(0), 0
    for r in range(len(offsets) - 1):
        i = np.int64(offsets[r])
        while k < len(row) and row[k] == r:
            text = new[ends[kind[k]] : ends[kind[k] + 1]]
            out[at : at + start[k] - i] = data[i : start[k]]
            at += start[k] - i
            out[at : at + len(text)] = text
            at += len(text)
            i = stop[k]
            k += 1
        out[at : at + offsets[r + 1] - i] = data[i : offsets[r + 1]]
        at += offsets[r + 1] - i
        out_offsets[r + 1] = at
    return out, out_offsets
