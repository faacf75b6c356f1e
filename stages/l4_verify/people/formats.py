"""Records and reviews in the formats of other tools, and back: JSONL, Label Studio, Prodigy, Argilla.

What is written is blind: neither gold nor the checkers' findings go along. What is read back is what people said;
texts are taken from the lot alone, so that a changed text in a file changes nothing. Where a tool has no word for a
verdict: unsure is Prodigy's ignore, and what is cancelled, pending or a draft is no verdict.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stages.l4_verify.people.outcome import Review, by_item

ANSWERS = {"pass": "accept", "fail": "reject", "unsure": "ignore"}
Record = Mapping[str, Any]
Row = dict[str, Any]


class UnreadableReviews(ValueError):
    """The file does not hold reviews in the format that was named."""


class Format(NamedTuple):
    write: Callable[[Record, Sequence[Review]], Iterator[Row]]
    read: Callable[[Row], Iterator[Review]]
    is_list: bool = False
    """One JSON list, not a line per row."""


def export(kind: str, records: Sequence[Record], reviews: Sequence[Review]) -> str:
    """The file's content."""
    chosen, given = FORMATS[kind], by_item(reviews)
    rows = [row for one in records for row in chosen.write(one, given.get(one["id"], ()))]
    if chosen.is_list:
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read(kind: str, content: str) -> list[Review]:
    """The reviews in a file; UnreadableReviews with the row that is not of this format."""
    chosen = FORMATS[kind]
    found: list[Review] = []
    number = 0
    try:
        rows = (
            json.loads(content)
            if chosen.is_list
            else [json.loads(line) for line in content.split("\n") if line.strip()]
        )
        for number, row in enumerate(rows, 1):  # noqa: B007 (the error names it)
            found += chosen.read(row)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        where = f"row {number}: " if number else ""
        raise UnreadableReviews(f"{where}not in the format '{kind}' ({type(error).__name__}: {error})") from None
    return found


def _write_jsonl(record: Record, reviews: Sequence[Review]) -> Iterator[Row]:
    said = [
        {"reviewer": one.reviewer, "verdict": one.verdict, "defects": list(one.defects), "note": one.note,
         "seconds": one.seconds}
        for one in reviews
    ]  # fmt: skip
    yield {"id": record["id"], "text": record["text"], "source": record["source"], "reviews": said}


def _read_jsonl(row: Row) -> Iterator[Review]:
    for one in row.get("reviews", ()):
        yield _review(
            row["id"], one["reviewer"], one["verdict"], one.get("defects"), one.get("note"), one.get("seconds")
        )


def _write_label_studio(record: Record, reviews: Sequence[Review]) -> Iterator[Row]:
    yield {
        "data": {"id": record["id"], "text": record["text"], "source": record["source"]},
        "annotations": [
            {
                "completed_by": {"email": one.reviewer}, "was_cancelled": False, "ground_truth": False,
                "lead_time": one.seconds,
                "result": [
                    _result("verdict", "choices", {"choices": [one.verdict]}),
                    *([_result("defects", "choices", {"choices": list(one.defects)})] if one.defects else []),
                    *([_result("note", "textarea", {"text": [one.note]})] if one.note else []),
                ],
            }
            for one in reviews
        ],
        "predictions": [],
    }  # fmt: skip


def _result(name: str, kind: str, value: Row) -> Row:
    return {"from_name": name, "to_name": "text", "type": kind, "value": value}


def _read_label_studio(row: Row) -> Iterator[Review]:
    for one in row.get("annotations", ()):
        if one.get("was_cancelled"):
            continue
        said = {result["from_name"]: result["value"] for result in one["result"]}
        by = one.get("completed_by")
        who = by.get("email") or by.get("id") if isinstance(by, dict) else by
        (verdict,) = said["verdict"]["choices"]
        defects, note = said.get("defects", {}).get("choices"), "\n".join(said.get("note", {}).get("text", ()))
        yield _review(row["data"]["id"], who, verdict, defects, note, one.get("lead_time"))


def _write_prodigy(record: Record, reviews: Sequence[Review]) -> Iterator[Row]:
    task = {
        "text": record["text"], "source": record["source"], "meta": {"id": record["id"]},
        "_input_hash": _hash(record["text"]), "_task_hash": _hash(record["id"]),
    }  # fmt: skip
    if not reviews:
        yield task
    for one in reviews:
        yield task | {
            "answer": ANSWERS[one.verdict], "accept": list(one.defects), "note": one.note, "seconds": one.seconds,
            "_annotator_id": one.reviewer, "_session_id": one.reviewer,
        }  # fmt: skip


def _hash(text: str) -> int:
    """A signed 32-bit number, as Prodigy has them."""
    value = zlib.crc32(text.encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def _read_prodigy(row: Row) -> Iterator[Review]:
    if "answer" not in row:
        return
    verdict = {answer: name for name, answer in ANSWERS.items()}[row["answer"]]
    who = row.get("_annotator_id") or row["_session_id"]
    yield _review(row["meta"]["id"], who, verdict, row.get("accept"), row.get("note"), row.get("seconds"))


def _write_argilla(record: Record, reviews: Sequence[Review]) -> Iterator[Row]:
    users = {_user(one.reviewer): one.reviewer for one in reviews}

    def answers(value: Callable[[Review], Any]) -> list[Row]:
        return [{"value": value(one), "user_id": _user(one.reviewer), "status": "submitted"} for one in reviews]

    yield {
        "id": record["id"],
        "fields": {"text": record["text"], "source": record["source"]},
        # Users are UUIDs there, and metadata a flat mapping.
        "metadata": {"reviewers": json.dumps(users)} if users else {},
        "suggestions": {},
        "responses": {
            "verdict": answers(lambda one: one.verdict),
            "defects": answers(lambda one: list(one.defects)),
            "note": answers(lambda one: one.note),
        },
        "vectors": {},
    }


def _user(reviewer: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"orefine-reviewer:{reviewer}"))


def _read_argilla(row: Row) -> Iterator[Review]:
    names = json.loads((row.get("metadata") or {}).get("reviewers", "{}"))
    said: dict[str, dict[str, Any]] = {}
    for question, answers in (row.get("responses") or {}).items():
        for one in answers:
            if one.get("status", "submitted") == "submitted":
                said.setdefault(one["user_id"], {})[question] = one["value"]
    for user, values in said.items():
        if "verdict" in values:
            yield _review(
                row["id"], names.get(user, user), values["verdict"], values.get("defects"), values.get("note")
            )


def _review(item: str, who: Any, verdict: str, defects: Any = (), note: Any = "", seconds: Any = 0.0) -> Review:
    if who in (None, ""):
        raise ValueError(f"record {item}: nobody is named as the reviewer")
    return Review(
        str(item), str(who), str(verdict), tuple(map(str, defects or ())), str(note or ""), float(seconds or 0)
    )


FORMATS = {
    "jsonl": Format(_write_jsonl, _read_jsonl),
    "label_studio": Format(_write_label_studio, _read_label_studio, is_list=True),
    "prodigy": Format(_write_prodigy, _read_prodigy),
    "argilla": Format(_write_argilla, _read_argilla, is_list=True),
}
