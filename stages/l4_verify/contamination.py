"""Does a row hold an item of an evaluation set? Then a model trained on it would be tested on what it has seen.

Run it after L3, on what will be published: rewriting is what takes an item out of the reach of plain n-grams. It looks
at the row's text and, where there is one, at `source_text`: a rewrite of a page with an item in it is tainted as well.

How items are found is `pipeline/kernels/contamination/item_index.py`, when a find counts is `contamination_rules.py`,
which files are read is `evaluation_sets.py`. What it does not see: items of one or two words that are not listed with
their choices, and paraphrases that keep no run of five words (`paraphrased_items` looks for those with a model).
`benchmarks/l4_contamination.py` measures both.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.books.guard import sha256_of
from pipeline.kernels.contamination.item_index import ItemIndex, build_index, find_items
from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Outcome, Reason, Verdicts
from stages.l4_verify.contamination_rules import RULES, rule_of
from stages.l4_verify.evaluation_sets import Item, NoEvaluationSet, read_set, set_files

SHOWN = 200
"""Characters of the row and of the item that the evidence quotes."""
Hit = Mapping[str, Any]


class Contamination(Checker):
    """Fail rows that hold, or come from a text that holds, an item of the evaluation sets in `sets`.

    sets: JSONL files (or folders of them) in the layouts that sets are published in; each counts by its sha256. The
    paths stay in the certificate's policy, since whoever verifies it needs the same files.
    mode: `remove` fails such rows with the rule `<set>` or `source_<set>`, and the share of the item that was found as
    value; `audit` passes all and writes into the evidence what it found. Hits per set are counted in both.
    passages: also count texts that questions are about (BoolQ's are paragraphs of Wikipedia) and not only list them.
    """

    kind: Literal["contamination"] = "contamination"
    sets: Annotated[tuple[str, ...], Field(min_length=1)]
    mode: Literal["audit", "remove"] = "remove"
    passages: bool = False

    def assets(self) -> Mapping[str, str]:
        return {name: sha256_of(path) for name, path in set_files(self.sets).items()}

    def resolve(self) -> Iterable[str]:
        yield from problems(self.sets)

    def tool(self) -> str:
        return f"contamination of {len(set_files(self.sets))} evaluation sets"

    def prepare(self) -> None:
        known_items(self.sets)
        super().prepare()

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts()
        own = self.hits(batch.text)
        sources = self.hits(batch.column("source_text")) if "source_text" in batch.rows.schema.names else []
        for row in range(len(batch)):
            found = own[row] + [{**hit, "in": "source_text"} for hit in (sources[row] if sources else ())]
            counted = [hit for hit in found if self.passages or hit["part"] == "question"]
            evidence = {"hits": found} if found else {}
            if not counted or self.mode == "audit":
                verdicts.add("pass", "", evidence)
                continue
            worst = max(counted, key=lambda hit: (hit["in"] == "text", hit["question"]))
            name = re.sub(r"[^a-z0-9_]+", "_", worst["set"].lower())
            rule = name if worst["in"] == "text" else f"source_{name}"
            verdicts.add("fail", Reason(rule, worst["question"]), evidence)
        return verdicts

    def process(self, batch: Batch) -> Outcome:
        """As every checker, and the rows with hits counted by set: in `audit`, nothing else would show them."""
        outcome = super().process(batch)
        counts: Counter[str] = Counter()
        for row in outcome.batch.column("verdicts").to_pylist():
            counts.update(_sets_in(row, self.kind))
        outcome.changed.update({f"hit_{name}": rows for name, rows in sorted(counts.items())})
        return outcome

    def hits(self, texts: pa.Array) -> list[list[dict[str, Any]]]:
        """Per text the items that were found in it: which, where, how much of them, and by which rule."""
        index, items = known_items(self.sets)
        found = find_items(index, texts.cast(pa.string()))
        hits: list[list[dict[str, Any]]] = [[] for _ in range(len(texts))]
        for hit, rule in zip(found, rule_of(index, found), strict=True):
            if rule:
                item = items[hit["item"]]
                row = int(hit["row"])
                begin, end = int(hit["begin"]), int(hit["end"])
                span = texts[row].as_py().encode()[begin:end].decode(errors="replace")
                shares = {name: round(float(hit[name]), 3) for name in ("question", "exact", "answer", "parts")}
                hits[row].append(
                    {
                        "set": item.set,
                        "number": item.number,
                        "part": item.part,
                        "rule": RULES[rule],
                        "in": "text",
                        **shares,
                        "bytes": [begin, end],
                        "span": span[:SHOWN],
                        "item": item.texts[0][:SHOWN],
                    }
                )
        return hits

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Way of telling an item → rows with an item put in that way: what `check` must not pass."""
        items = [item for item in known_items(self.sets)[1] if item.part == "question"]
        result = {}
        for kind, tell in TOLD.items():
            planted = []
            for row in rows.to_pylist():
                chance = random.Random(f"{seed} {kind} {row['id']}")
                lines = row["text"].split("\n")
                lines.insert(chance.randint(0, len(lines)), tell(chance.choice(items), chance))
                planted.append({**row, "text": "\n".join(lines)})
            result[kind] = pa.RecordBatch.from_pylist(planted, rows.schema)
        return {} if self.mode == "audit" else result


def problems(sets: tuple[str, ...]) -> Iterable[str]:
    """What is wrong with the files of these sets, a line each."""
    for name, path in set_files(sets).items():
        try:
            read_set(name, path)
        except NoEvaluationSet as error:
            yield str(error)


def known_items(sets: tuple[str, ...]) -> tuple[ItemIndex, tuple[Item, ...]]:
    """All items of these sets with their index, once a process as long as the files stay as they are."""
    files = set_files(sets)
    return _index(tuple((name, str(path), sha256_of(path)) for name, path in files.items()))


@lru_cache(maxsize=2)
def _index(files: tuple[tuple[str, str, str], ...]) -> tuple[ItemIndex, tuple[Item, ...]]:
    """Built once a process: some 20 s for 50,000 items."""
    items = tuple(item for name, path, _ in files for item in read_set(name, set_files((path,))[name]))
    return build_index([list(item.texts) for item in items], [item.answer for item in items]), items


def _sets_in(verdicts: str | None, kind: str) -> set[str]:
    entries: Sequence[Hit] = json.loads(verdicts or "[]")
    last = next((entry for entry in reversed(entries) if entry["checker"] == kind), {})
    return {hit["set"] for hit in last.get("evidence", {}).get("hits", ())}


# How items are told in pages. The same forms are measured at length by the benchmark.
def verbatim(item: Item, chance: random.Random) -> str:
    """Question and choices with letters, or question and answer."""
    question, *parts = item.texts
    if len(parts) < 2:
        return "\n".join(item.texts)
    return "\n".join([question, *(f"{letter}. {part}" for letter, part in zip("ABCDEFGHIJ", parts, strict=False))])


def shuffled(item: Item, chance: random.Random) -> str:
    """With the choices in another order."""
    parts = list(item.texts[1:])
    chance.shuffle(parts)
    return verbatim(Item(item.set, item.number, item.part, (item.texts[0], *parts), 0), chance)


def renumbered(item: Item, chance: random.Random) -> str:
    """With other numbers; items without numbers stay as they are."""
    return re.sub(r"\d{1,12}", lambda match: str(chance.randint(2, 99)), verbatim(item, chance))


def repunctuated(item: Item, chance: random.Random) -> str:
    """In capitals, with other punctuation."""
    return re.sub(r"[.,;:!?]", lambda match: chance.choice((" -", ";", "")), verbatim(item, chance)).upper()


TOLD: dict[str, Callable[[Item, random.Random], str]] = {
    "verbatim": verbatim,
    "options_shuffled": shuffled,
    "renumbered": renumbered,
    "repunctuated": repunctuated,
}
