"""Is a rewrite well formed for the kind of prompt that it came from? Read from the stored text alone.

| defect              | what it means                                                                      |
|---------------------|------------------------------------------------------------------------------------|
| empty               | no text                                                                            |
| residue             | special tokens, role names, a placeholder, tags that the source does not have      |
| control_characters  | characters that no text has, or U+FFFD                                             |
| unbalanced_fence    | a code fence or `$$` that is opened and not closed                                 |
| unfinished          | rephrase: the last line does not end a sentence                                    |
| no_pairs            | question_answer: not one block of `Question: …` and `Answer: …` after the other    |
| no_question_mark    | question_answer: a question that is none                                           |
| repeated_question   | question_answer: the same question twice                                           |
| unknown_prompt      | (abstains) the row does not say which prompt it came from, or one of another kind  |
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts

RESIDUE = re.compile(
    r"<\|[a-z_]+\|>|\[/?INST\]|</?think\b|\{document\}|^(?:assistant|user|system)\s*(?::\s*)?$|"
    r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?>",
    re.IGNORECASE | re.MULTILINE,
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
FINISHED = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"')\]*\u2019\u201d]*\Z")
PAIR = re.compile(r"Question: (?P<question>\S[^\n]*)\nAnswer: (?P<answer>\S[^\n]*)")


class Format(Checker):
    """Pass rows whose text has the form that their prompt asks for."""

    kind: Literal["format"] = "format"

    def check_input(self, schema: pa.Schema) -> None:
        missing = {"prompt", "source_text"} - set(schema.names)
        if missing:
            raise ValueError(
                f"format needs the columns {', '.join(sorted(missing))}, which are not here; "
                "put the level l3_synthesize with the step rewrite before it"
            )

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts([], [], [])
        for row in batch.rows.select(["text", "source_text", "prompt"]).to_pylist():
            family = (row["prompt"] or "").partition("@")[0]
            known = family in FAMILIES
            texts = row["text"] or "", row["source_text"] or ""
            defect, found = _defect(*texts, family) if known else ("unknown_prompt", "")
            verdicts.verdict.append("abstain" if not known else "fail" if defect else "pass")
            verdicts.defect.append(defect)
            verdicts.evidence.append({"found": found} if found else {})
        return verdicts

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Kind of defect → copies of rows with one such defect in each: what `check` must not pass."""
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in MUTATIONS}
        for row in rows.to_pylist():
            for kind, mutate in MUTATIONS.items():
                mutant = mutate(row["text"], random.Random(f"{seed} {kind} {row['id']}"))
                if mutant is not None:
                    found[kind].append({**row, "text": mutant})
        return {kind: pa.RecordBatch.from_pylist(mutants, rows.schema) for kind, mutants in found.items()}


def _defect(text: str, source: str, family: str) -> tuple[str, str]:
    """The first defect and the place that shows it, or two empty strings."""
    if not text.strip():
        return "empty", ""
    own = {match[0] for match in RESIDUE.finditer(source)}
    residue = next((match[0] for match in RESIDUE.finditer(text) if match[0] not in own), "")
    if residue:
        return "residue", residue
    if match := CONTROL.search(text):
        return "control_characters", ascii(match[0])
    if text.count("```") % 2 or text.count("$$") % 2:
        return "unbalanced_fence", ""
    return FAMILIES[family](text)


def _prose(text: str) -> tuple[str, str]:
    return ("", "") if FINISHED.search(text.rstrip()) else ("unfinished", text[-40:])


def _pairs(text: str) -> tuple[str, str]:
    questions: set[str] = set()
    for block in text.split("\n\n"):
        match = PAIR.fullmatch(block)
        if match is None:
            return "no_pairs", block[:80]
        question = match["question"]
        if not question.endswith("?"):
            return "no_question_mark", question
        if question.casefold() in questions:
            return "repeated_question", question
        questions.add(question.casefold())
    return "", ""


FAMILIES: dict[str, Callable[[str], tuple[str, str]]] = {"rephrase": _prose, "question_answer": _pairs}


def _cut(text: str, chance: random.Random) -> str | None:
    if text.startswith("Question:"):
        return None  # fewer words of an answer may still be an answer
    words = text.rsplit(" ", chance.randint(1, 5))
    return words[0].rstrip(".!?") if len(words) > 1 else None


def _leave_token(text: str, chance: random.Random) -> str:
    return text + chance.choice(("<|im_end|>", "\nassistant\nSure.", " </think>."))


def _open_fence(text: str, chance: random.Random) -> str:
    return f"```\n{text}"


def _drop_answer(text: str, chance: random.Random) -> str | None:
    answers = list(re.finditer(r"\nAnswer: [^\n]*", text))
    if not answers:
        return None
    chosen = chance.choice(answers)
    return text[: chosen.start()] + text[chosen.end() :]


MUTATIONS: dict[str, Callable[[str, random.Random], str | None]] = {
    "cut": _cut,
    "token_left": _leave_token,
    "fence_opened": _open_fence,
    "answer_dropped": _drop_answer,
}
