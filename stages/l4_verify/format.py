"""Is a rewrite well formed, as the form in its row asks for? Read from the stored text alone.

The form comes with the row, as the prompt's file gave it: `{"kind": "pairs", "question": "Question", …}`.

| defect              | what it means                                                                      |
|---------------------|------------------------------------------------------------------------------------|
| empty               | no text                                                                            |
| residue             | marks of a chat format, role names, a placeholder, tags that the source lacks      |
| control_characters  | characters that no text has, or U+FFFD                                             |
| unbalanced_fence    | a code fence or `$$` that is opened and not closed                                 |
| unfinished          | prose: the last line does not end a sentence                                       |
| no_pairs            | pairs: not one block of a question's and an answer's line after the other          |
| no_question_mark    | pairs: a question that is none                                                     |
| repeated_question   | pairs: the same question twice                                                     |
| …                   | of other forms: written_forms.py                                                   |
| unknown_form        | (abstains) the row says no form, or one of another kind                            |
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from stages.l4_verify import written_forms

MARKS = re.compile(
    r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT)\]|</?(?:start|end)_of_turn>|"
    r"\[gMASK\]|</?think\b|\{document\}|^(?:assistant|user|system)\s*(?::\s*)?$",
    re.IGNORECASE | re.MULTILINE,
)
TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?>", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
FINISHED = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"')\]*\u2019\u201d]*\Z")


class Format(Checker):
    """Pass rows whose text has the form that their column `form` names."""

    kind: Literal["format"] = "format"

    def check_input(self, schema: pa.Schema) -> None:
        missing = {"form", "source_text"} - set(schema.names)
        if missing:
            raise ValueError(
                f"format needs the columns {', '.join(sorted(missing))}, which are not here; "
                "put the level l3_synthesize with the step rewrite before it"
            )

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts([], [], [])
        for row in batch.rows.select(["text", "source_text", "form"]).to_pylist():
            form = json.loads(row["form"] or "{}")
            known = form.get("kind") in FORMS
            texts = row["text"] or "", row["source_text"] or ""
            defect, found = _defect(*texts, form) if known else ("unknown_form", "")
            verdicts.verdict.append("abstain" if not known else "fail" if defect else "pass")
            verdicts.defect.append(defect)
            verdicts.evidence.append({"found": found} if found else {})
        return verdicts

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Kind of defect → copies of rows with one such defect in each: what `check` must not pass."""
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in MUTATIONS}
        for row in rows.to_pylist():
            form = json.loads(row["form"] or "{}")
            for kind, mutate in MUTATIONS.items():
                mutant = mutate(row["text"], form, random.Random(f"{seed} {kind} {row['id']}"))
                if mutant is not None:
                    found[kind].append({**row, "text": mutant})
        return {kind: pa.RecordBatch.from_pylist(mutants, rows.schema) for kind, mutants in found.items()}


def _defect(text: str, source: str, form: Mapping[str, Any]) -> tuple[str, str]:
    """The first defect and the place that shows it, or two empty strings."""
    if not text.strip():
        return "empty", ""
    tags = {match[0] for match in TAG.finditer(source)}
    residue = MARKS.search(text) or next((match for match in TAG.finditer(text) if match[0] not in tags), None)
    if residue:
        return "residue", residue[0]
    if match := CONTROL.search(text):
        return "control_characters", ascii(match[0])
    if text.count("```") % 2 or text.count("$$") % 2:
        return "unbalanced_fence", ""
    return FORMS[form["kind"]](text, form)


def _prose(text: str, form: Mapping[str, Any]) -> tuple[str, str]:
    return ("", "") if FINISHED.search(text.rstrip()) else ("unfinished", text[-40:])


def _pairs(text: str, form: Mapping[str, Any]) -> tuple[str, str]:
    question, answer = re.escape(form["question"]), re.escape(form["answer"])
    pair = re.compile(rf"{question}: (?P<question>\S[^\n]*)\n{answer}: (?P<answer>\S[^\n]*)")
    questions: set[str] = set()
    for block in text.split("\n\n"):
        match = pair.fullmatch(block)
        if match is None:
            return "no_pairs", block[:80]
        asked = match["question"]
        if not asked.endswith(("?", "\uff1f")):
            return "no_question_mark", asked
        if asked.casefold() in questions:
            return "repeated_question", asked
        questions.add(asked.casefold())
    return "", ""


def _table(text: str, form: Mapping[str, Any]) -> tuple[str, str]:
    defect = written_forms.table(text, form)
    return defect if defect[0] else _pairs(text.partition("\n\n")[2], form)


def _task(text: str, form: Mapping[str, Any]) -> tuple[str, str]:
    """A task of a generator: its own verifier looks at what is in it."""
    return "", ""


FORMS: dict[str, Callable[[str, Mapping[str, Any]], tuple[str, str]]] = {
    "prose": _prose,
    "pairs": _pairs,
    "table": _table,
    "turns": written_forms.turns,
    "labelled": written_forms.labelled,
    "bullets": written_forms.bullets,
    "sections": written_forms.sections,
    "task": _task,
}


def _cut(text: str, form: Mapping[str, Any], chance: random.Random) -> str | None:
    if form.get("kind") != "prose":
        return None  # fewer words of an answer may still be an answer
    words = text.rsplit(" ", chance.randint(1, 5))
    return words[0].rstrip(".!?") if len(words) > 1 else None


def _leave_token(text: str, form: Mapping[str, Any], chance: random.Random) -> str:
    return text + chance.choice(("<|im_end|>", "\nassistant\nSure.", " </think>."))


def _open_fence(text: str, form: Mapping[str, Any], chance: random.Random) -> str:
    return f"```\n{text}"


def _drop_answer(text: str, form: Mapping[str, Any], chance: random.Random) -> str | None:
    if form.get("kind") == "table":
        return text.partition("\n\n")[0]  # the question goes with it
    answers = list(re.finditer(rf"\n{re.escape(form['answer'])}: [^\n]*", text)) if "answer" in form else []
    if not answers:
        return None
    chosen = chance.choice(answers)
    return text[: chosen.start()] + text[chosen.end() :]


def _drop_line(text: str, form: Mapping[str, Any], chance: random.Random) -> str | None:
    """Without the line that the form cannot miss: a turn, a part, a table's rule, a title's sections."""
    lines = text.split("\n")
    if form.get("kind") == "turns":
        return text.rpartition("\n\n")[0]
    if form.get("kind") == "labelled":
        place = chance.randrange(len(form["labels"]))
        return "\n".join(line for line in lines if not line.startswith(f"{form['labels'][place]}: "))
    if form.get("kind") == "table":
        return "\n".join([lines[0], *lines[2:]])
    if form.get("kind") == "bullets":
        place = chance.randrange(len(lines))
        return "\n".join([*lines[:place], lines[place].removeprefix("- "), *lines[place + 1 :]])
    if form.get("kind") == "sections":
        return "\n".join(line for line in lines if not line.strip() or line.startswith("#"))
    return None


MUTATIONS: dict[str, Callable[[str, Mapping[str, Any], random.Random], str | None]] = {
    "cut": _cut,
    "token_left": _leave_token,
    "fence_opened": _open_fence,
    "answer_dropped": _drop_answer,
    "line_dropped": _drop_line,
}
