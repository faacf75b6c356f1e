"""Arms of which the right answer is known, and a random selection that a candidate has to beat.

| arm        | what it is                                                         | must be against the baseline |
|------------|--------------------------------------------------------------------|------------------------------|
| `shuffled` | the baseline with the words of each document in another order      | worse                        |
| `repeated` | the baseline, half of what a run reads being a few documents again | worse                        |
| `target`   | the baseline, half of it text of the held-out origins, not scored  | better                       |
| `random_…` | as many bytes of the baseline as a candidate has, drawn at random  | no claim: it is compared     |

A budget that does not tell a control from the baseline is blind, and its other answers carry no weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.ablation.data import Arm, survey
from pipeline.ablation.files import read_rows, text_files
from pipeline.ablation.heldout import Domain
from pipeline.rows.batch import BoolArray

WORSE, BETTER = "worse", "better"
EXPECTED = {"shuffled": WORSE, "repeated": WORSE, "target": BETTER}
RANDOM_SALT = 0x72_61_6E_64_6F_6D
COPIES = 16  # how often a run reads the repeated half
LEAST_TARGET = 0.25  # of a run's bytes: with less text of the held-out origins `target` would be repeated too often


def shuffled(baseline: Arm) -> Arm:
    return replace(baseline, shuffled=True)


def repeated(baseline: Arm, run_bytes: int) -> Arm:
    """Half of what runs read are COPIES of the same few documents."""
    few = baseline.first(max(1, run_bytes // (2 * COPIES)), RANDOM_SALT)
    rest = replace(baseline, chosen=baseline.chosen & ~few).first(run_bytes // 2)
    few_bytes, rest_bytes = int(baseline.sizes[few].sum()), int(baseline.sizes[rest].sum())
    times = max(2, round(rest_bytes / few_bytes))
    return replace(baseline, chosen=few | rest, repeats=np.where(few, times, 1))


def target(baseline: Arm, domains: Sequence[Domain], heldout: Sequence[Path], run_bytes: int) -> Arm | None:
    """None if the held-out files have too little beside what is scored."""
    files = tuple(file for path in heldout for file in text_files(path))
    if not files:
        return None
    both = survey([*baseline.files, *files])
    ours = np.arange(len(both.keys)) < len(baseline.keys)
    scored = np.isin(both.hashes, np.concatenate([domain.hashes for domain in domains]))
    other = replace(both, chosen=~ours & ~scored & both.chosen)
    if other.chosen_bytes < LEAST_TARGET * run_bytes:
        return None
    half = min(other.chosen_bytes, baseline.chosen_bytes, run_bytes)
    extra = other.first(half, RANDOM_SALT)
    own = np.concatenate([baseline.first(half), np.zeros(int((~ours).sum()), np.bool_)])
    return replace(both, chosen=extra | own)


def best(arm: Arm, column: str, share: float) -> Arm:
    """The rows with the highest scores that hold `share` of the chosen bytes; equal scores by content."""
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share:g} of the candidate: give numbers above 0, at most 1")
    parts = []
    for rows in read_rows(arm.files, [column]):
        if column not in rows.schema.names:
            raise ValueError(f"the candidate has no column '{column}' to take the best rows by")
        parts.append(rows.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False))
    scores = np.nan_to_num(np.concatenate(parts), nan=-np.inf)
    order = np.lexsort((arm.keys, -scores))
    order = order[arm.chosen[order]]
    chosen = np.zeros(len(scores), np.bool_)
    chosen[order[: np.searchsorted(np.cumsum(arm.sizes[order]), share * arm.chosen_bytes, "right")]] = True
    return replace(arm, chosen=chosen)


def random_selection(baseline: Arm, free: BoolArray, size: int) -> Arm:
    """`size` bytes of the baseline's `free` rows."""
    everything = replace(baseline, chosen=free)
    return replace(baseline, chosen=everything.first(size, RANDOM_SALT))
