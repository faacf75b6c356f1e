"""Let a language model grade a sample of documents from 0 to 5, as seeds for a classifier.

| file under `output`  | what                                                                             |
|----------------------|----------------------------------------------------------------------------------|
| annotations.parquet  | text, score_1 … (int8, null: no grade), reply_1 …, score (mean of the grades)    |
| positives.parquet    | texts that every pass grades at `positive_from` or higher                        |
| negatives.parquet    | texts that every pass grades at `negative_to` or lower                           |
| annotation.json      | agreement of the passes, share of replies without a grade, grades per pass       |

Each pass asks the same question in other words. Replies go to the store's ledger, so a run that was killed asks only
what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.runs.recipe import RecipeError
from flows.runs.texts import read_texts
from pipeline.rows.document import Document, content_hash
from pipeline.run.ledger import Ledger
from pipeline.steps import Reply, Request
from pipeline.store.store import Store
from stages.l2_select.train.seeds import Sample
from stages.l3_synthesize.engines.engine import Engine
from stages.l3_synthesize.passage import passage

GRADES = 6
GRADE = re.compile(r"\s*\**([0-5])(?!\d|[.,]\d|\s*[-\u2013]\s*\d)")
"""At the beginning of a reply; `4.5`, `10` and `0-5` are none."""
PER_CALL = 256
"""Documents asked for at once: what a killed run loses is less, since replies are kept in smaller parts."""
INSTRUCTION_TOKENS = 400
ANSWER_TOKENS = 8
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Rubric:
    """One way to ask for a grade. A changed word is another rubric: raise the version."""

    name: str
    version: int
    text: str

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    def messages(self, document: str) -> tuple[tuple[str, str], ...]:
        """(role, content) in order; the answer is begun, so that a small model keeps the form."""
        asked = f"Here is a passage from a web page.\n\n<passage>\n{document}\n</passage>\n\nGive its grade, 0 to 5."
        return (("system", self.text), ("user", asked), ("assistant", "Grade:"))


RUBRICS = (
    Rubric(
        "levels",
        1,
        "You grade web pages by what an attentive reader can learn from them. Answer with one digit.\n"
        "0: nothing to read, such as menus, lists of links, spam or text that makes no sense.\n"
        "1: readable, but advertising, small talk or news of the day without explanation.\n"
        "2: touches a subject worth knowing, in passing, out of order or with many gaps.\n"
        "3: informs about a subject in sentences that hold together; a reader takes something away.\n"
        "4: explains a subject clearly and in order, with reasons, examples or data.\n"
        "5: could stand in a good textbook or reference work: accurate, complete for its scope, well arranged.",
    ),
    Rubric(
        "points",
        1,
        "Read the passage and count how many of these five statements are true of it. Answer with that count, one "
        "digit.\n"
        "- It is made of complete sentences that were written for people, not of navigation or keywords.\n"
        "- It is about facts, ideas or skills rather than about selling something or about the writer's day.\n"
        "- It gives reasons, steps, examples or figures, not only opinions and claims.\n"
        "- Its parts follow one another in an order that helps to understand them.\n"
        "- Somebody who studies the subject would want to keep it.",
    ),
)


@dataclass(frozen=True)
class Annotation:
    """What to ask, and what counts as a seed."""

    sample: int = 1000
    """Documents, chosen by a hash of their text."""
    seed: int = 0
    passes: int = 2
    max_input_tokens: int = 500
    temperature: float = 0.0
    positive_from: int = 4
    negative_to: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.passes <= len(RUBRICS):
            raise RecipeError(f"--passes {self.passes}: there are {len(RUBRICS)} rubrics, give 1 to {len(RUBRICS)}")
        if not 0 <= self.negative_to < self.positive_from < GRADES:
            raise RecipeError(
                f"grades run from 0 to {GRADES - 1} and --negative-to {self.negative_to} must be below --positive-from "
                f"{self.positive_from}"
            )


def annotate(files: Sequence[Path], engine: Engine, store: Store, output: Path, asked: Annotation) -> dict[str, Any]:
    """Grade a sample of the files' texts; what `annotation.json` holds. Raises EngineError if the engine dies."""
    sample = Sample(asked.sample, asked.seed)
    for texts in read_texts(map(str, files)):
        sample.add(texts)
    chosen = sample.texts()[: asked.sample].to_pylist()
    rubrics, ledger = RUBRICS[: asked.passes], Ledger(store)
    replies: list[list[Reply | None]] = []
    for start in range(0, len(chosen), PER_CALL):
        requests = [[_request(text, rubric, engine, asked) for rubric in rubrics] for text in chosen[start:][:PER_CALL]]
        found = _answers([one for row in requests for one in row if one], engine, ledger)
        replies += [[found[one.key] if one else None for one in row] for row in requests]
    grades = np.array([[_grade(reply) for reply in row] for row in replies], np.float64).reshape(len(chosen), -1)
    _write(output, chosen, replies, grades, asked)
    failed = sum(reply is not None and reply.finish_reason == "error" for row in replies for reply in row)
    result = {
        "model": engine.model,
        "rubrics": [rubric.id for rubric in rubrics],
        "documents": len(chosen),
        "too_long": sum(row[0] is None for row in replies),
        "engine_errors": failed,
        "unparsable": round(float(np.isnan(grades).mean()), 4) if len(chosen) else None,
        "grades": {rubric.id: _counts(column) for rubric, column in zip(rubrics, grades.T, strict=True)},
        "agreement": [
            {"passes": [rubrics[a].id, rubrics[b].id], **agreement(grades[:, a], grades[:, b])}
            for a, b in combinations(range(len(rubrics)), 2)
        ],
        "positives": int((grades >= asked.positive_from).all(axis=1).sum()),
        "negatives": int((grades <= asked.negative_to).all(axis=1).sum()),
    }
    (output / "annotation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def agreement(first: Array, second: Array) -> dict[str, Any]:
    """Of two columns of grades, nan where there is none: share equal, Cohen's kappa, and with quadratic weights."""
    both = ~(np.isnan(first) | np.isnan(second))
    a, b = first[both].astype(int), second[both].astype(int)
    if not len(a):
        return {"documents": 0, "equal": None, "kappa": None, "weighted_kappa": None}
    observed = np.bincount(a * GRADES + b, minlength=GRADES * GRADES).reshape(GRADES, GRADES) / len(a)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    distance = np.subtract.outer(np.arange(GRADES), np.arange(GRADES))
    kappas = {}
    for name, weight in (("kappa", distance != 0), ("weighted_kappa", distance**2)):
        by_chance = float((weight * expected).sum())
        # Where both always give one grade, chance explains all and kappa is not defined.
        kappas[name] = round(1 - float((weight * observed).sum()) / by_chance, 4) if by_chance else None
    return {"documents": len(a), "equal": round(float((a == b).mean()), 4), **kappas}


def grade_of(reply: str) -> int | None:
    """The grade at the beginning of a reply, if there is one."""
    match = GRADE.match(reply)
    return int(match.group(1)) if match else None


def _request(text: str, rubric: Rubric, engine: Engine, asked: Annotation) -> Request | None:
    """None if not even the first sentence fits."""
    shown = passage(text, asked.max_input_tokens, engine.first_tokens)
    if not shown:
        return None
    sampling = {"temperature": asked.temperature, "max_tokens": ANSWER_TOKENS, "seed": asked.seed}
    messages = rubric.messages(shown)
    parts = ["annotate", messages, dict(engine.identity), sampling]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return Request(key, Document(content_hash(text), text), rubric.id, messages, sampling)


def _answers(requests: Sequence[Request], engine: Engine, ledger: Ledger) -> dict[str, Reply]:
    found = ledger.find(request.key for request in requests)
    missing = {request.key: request for request in requests if request.key not in found}  # some are there twice
    for reply in engine.generate(missing.values()):
        if reply.finish_reason != "error":  # it may pass, so the next run asks again
            ledger.record(reply)
        found[reply.key] = reply
    ledger.flush()
    return found


def _grade(reply: Reply | None) -> float:
    grade = None if reply is None or reply.finish_reason == "error" else grade_of(reply.text)
    return np.nan if grade is None else grade


def _counts(grades: Array) -> dict[str, int]:
    return {str(grade): int((grades == grade).sum()) for grade in range(GRADES)}


def _write(output: Path, texts: list[str], replies: list[list[Reply | None]], grades: Array, asked: Annotation) -> None:
    columns: dict[str, Any] = {"text": pa.array(texts, pa.string())}
    for number in range(asked.passes):
        column = grades[:, number]
        columns[f"score_{number + 1}"] = pa.array(column, pa.float32(), from_pandas=True).cast(pa.int8())
        said = [row[number].text if row[number] is not None else None for row in replies]  # type: ignore[union-attr]
        columns[f"reply_{number + 1}"] = pa.array(said, pa.string())
    given = (~np.isnan(grades)).sum(axis=1)
    means = np.where(given > 0, np.nansum(grades, axis=1) / np.maximum(given, 1), np.nan)
    columns["score"] = pa.array(means, pa.float32(), from_pandas=True)
    table = pa.table(columns)
    output.mkdir(parents=True, exist_ok=True)
    for name, rows in _parts(table, grades, asked):
        pq.write_table(rows, output / f"{name}.tmp", compression="zstd")
        os.replace(output / f"{name}.tmp", output / f"{name}.parquet")


def _parts(table: pa.Table, grades: Array, asked: Annotation) -> Iterator[tuple[str, pa.Table]]:
    yield "annotations", table
    yield "positives", table.filter(pa.array((grades >= asked.positive_from).all(axis=1)))
    yield "negatives", table.filter(pa.array((grades <= asked.negative_to).all(axis=1)))
