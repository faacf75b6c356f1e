"""A generator tried out on a few documents before money is spent: what comes of each reply, and what all would take.

Used by `orefine run --pilot`. Replies go to the store's ledger, so that the run itself asks for none of them again.
Nothing else is written.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.books.accounting import Tokens
from pipeline.books.interval import paired_difference, rounded
from pipeline.rows.batch import Batch
from pipeline.run.generate import Stream, judge, taken
from pipeline.run.ledger import Ledger
from pipeline.steps import Generator, Reason, Request

ACCEPTED, QUARANTINED, NOT_SENT = "accepted", "quarantined", "(not sent)"


@dataclass(frozen=True, slots=True)
class Tried:
    """One request and what came of it, or a document that was not sent."""

    id: str
    url: str
    prompt: str
    source: str
    """What the model was shown; of a document that was not sent, its beginning."""
    text: str
    """The new text, or the reply as it came where it was refused."""
    outcome: str
    """`accepted`, `quarantined`, or the reason."""
    is_first: bool
    """Whether the run itself would ask it: a pilot asks every prompt of each document."""
    tokens: Tokens


@dataclass
class Pilot:
    """All that was tried. seconds: of asking, by the wall; asked: replies that the ledger did not have."""

    documents: int
    of: int
    """Documents that the level would get."""
    tried: list[Tried] = field(default_factory=list)
    seconds: float = 0.0
    asked: int = 0
    completion_asked: int = 0
    """Completion tokens of those."""

    def prompts(self) -> dict[str, dict[str, Any]]:
        """Prompt → its accept rate with an interval, its reasons, tokens and cost; the best prompt first."""
        groups: defaultdict[str, list[Tried]] = defaultdict(list)
        for one in self.tried:
            if one.prompt != NOT_SENT:
                groups[one.prompt].append(one)
        good = {name: {one.id: one.outcome == ACCEPTED for one in group} for name, group in groups.items()}
        order = sorted(groups, key=lambda name: (-sum(good[name].values()) / len(good[name]), name))
        return {
            name: _of_prompt(groups[name], good[name], good[order[0]] if name != order[0] else {}) for name in order
        }

    def not_sent(self) -> dict[str, int]:
        return dict(Counter(one.outcome for one in self.tried if one.prompt == NOT_SENT).most_common())

    def whole(self, accept: int | None) -> dict[str, Any]:
        """What the run would take at this pilot's rates. accept: rows after which it ends."""
        first = [one for one in self.tried if one.is_first]
        each = _sum(first)
        rows = sum(one.outcome == ACCEPTED for one in first)
        documents = float(self.of)
        if accept is not None and rows:
            documents = min(documents, accept * self.documents / rows)
        scale = documents / self.documents if self.documents else 0.0
        speed = self.completion_asked / self.seconds if self.asked and self.seconds else None
        return {
            "documents": round(documents),
            "rows": round(rows * scale),
            "rows_interval": [round(end * len(first) * scale) for end in rounded(rows, len(first))],
            "requests": round(each.requests * scale),
            "prompt_tokens": round(each.prompt_tokens * scale),
            "completion_tokens": round(each.completion_tokens * scale),
            "cost": round(each.cost * scale, 4),
            "seconds": None if not speed else round(each.completion_tokens * scale / speed),
        }

    def as_json(self, accept: int | None) -> dict[str, Any]:
        return {
            "documents": self.documents, "of": self.of, "asked": self.asked, "seconds": round(self.seconds, 2),
            "prompts": self.prompts(), "not_sent": self.not_sent(), "whole": self.whole(accept),
            "tried": [
                {"id": one.id, "prompt": one.prompt, "outcome": one.outcome, "source": one.source, "text": one.text}
                for one in self.tried
            ],
        }  # fmt: skip


def try_out(step: Generator, run: Generator, batches: Iterable[Batch], ledger: Ledger, of: int) -> Pilot:
    """Ask `step`, which may ask more of each document than `run`, the step as the recipe has it."""
    batches = list(batches)
    found = Pilot(sum(map(len, batches)), of)
    wanted = {entry.key for batch in batches for entry in run.requests(batch) if isinstance(entry, Request)}
    stream = Stream(step, iter(batches), ledger)
    begin = time.monotonic()
    for planned in stream.answered():
        step.look_over(list(planned.answers.values()))
        useless: defaultdict[str, Tokens] = defaultdict(Tokens)
        for reply in planned.useless:
            useless[reply.prompt].add(taken(step, reply))
        siblings: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for entry in planned.entries:
            if not isinstance(entry, Request):
                document, reason = entry
                tried = Tried(
                    document.id, document.url, NOT_SENT, document.text[:1000], "", str(reason), False, Tokens()
                )
                found.tried.append(tried)
                continue
            request, reply = planned.answers[entry.key]
            # Each prompt for itself: what another said of the document must not decide.
            own = siblings[entry.parent.id, request.prompt]
            judged = judge(step, request, reply, own)
            outcome = (
                str(judged) if isinstance(judged, Reason) else QUARANTINED if isinstance(judged, str) else ACCEPTED
            )
            text = judged["text"] if isinstance(judged, Mapping) else reply.text or reply.error
            own += [text] * (outcome == ACCEPTED)
            tokens = taken(step, reply)
            tokens.add(useless.pop(request.prompt, Tokens()))
            parent, shown = entry.parent, request.shown or entry.parent.text
            found.tried.append(
                Tried(parent.id, parent.url, request.prompt, shown, text, outcome, entry.key in wanted, tokens)
            )
    found.seconds = time.monotonic() - begin
    found.asked, found.completion_asked = stream.asked, stream.completion_tokens
    return found


def _sum(group: Iterable[Tried]) -> Tokens:
    total = Tokens()
    for one in group:
        total.add(one.tokens)
    return total


def _of_prompt(group: list[Tried], good: Mapping[str, bool], best: Mapping[str, bool]) -> dict[str, Any]:
    tokens, accepted = _sum(group), sum(good.values())
    both = good.keys() & best.keys()
    below = paired_difference([(best[one], good[one]) for one in both]) if both else None
    return {
        "asked": len(group),
        "accepted": accepted,
        "rate": round(accepted / len(group), 4),
        "interval": rounded(accepted, len(group)),
        "below_best": below and [round(end, 4) for end in below],
        "reasons": dict(Counter(one.outcome for one in group if one.outcome != ACCEPTED).most_common()),
        **tokens.model_dump(),
        "tokens_per_accepted": round((tokens.prompt_tokens + tokens.completion_tokens) / accepted)
        if accepted
        else None,
    }


def lines_of(pilot: Pilot, accept: int | None, shown: int = 200) -> list[str]:
    """For a terminal: rates, then source and text of each one under another, then what all would take."""
    lines = [f"pilot: {pilot.documents:,} of {pilot.of:,} documents, {pilot.asked:,} replies asked for"]
    for one in pilot.tried:
        lines += ["", f"{one.prompt}  {one.outcome}  {one.id}", f"  from  {_short(one.source, shown)}"]
        lines += [f"  to    {_short(one.text, shown)}"] * (one.prompt != NOT_SENT)
    lines += [
        "",
        f"{'prompt':<30} {'accepted':>9} {'rate':>6}  {'95 %':<12} {'below the best':<15} tokens a row  reasons",
    ]
    for name, row in pilot.prompts().items():
        low, high = row["interval"]
        below = "{:>6.2f} to {:<5.2f}".format(*row["below_best"]) if row["below_best"] else " " * 15
        reasons = ", ".join(f"{reason} {count}" for reason, count in row["reasons"].items())
        lines.append(
            f"{name:<30} {row['accepted']:>4}/{row['asked']:<4} {row['rate']:>6.2f}  {low:.2f} to {high:.2f} "
            f"{below} {row['tokens_per_accepted'] or '-':>12}  {reasons}"
        )
    lines += [f"not sent: {reason} {count}" for reason, count in pilot.not_sent().items()]
    return [*lines, "", *whole_lines(pilot.whole(accept))]


def whole_lines(whole: Mapping[str, Any]) -> list[str]:
    low, high = whole["rows_interval"]
    took = "not known: the ledger had all replies" if whole["seconds"] is None else _duration(whole["seconds"])
    return [
        f"all of it: {whole['documents']:,} documents, {whole['requests']:,} requests, {whole['rows']:,} rows "
        f"({low:,} to {high:,})",
        f"tokens: {whole['prompt_tokens']:,} of prompts, {whole['completion_tokens']:,} of answers; "
        f"cost at the recipe's prices: {whole['cost']:,}",
        f"time at this pilot's speed: {took}",
    ]


def _short(text: str, shown: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= shown else f"{text[:shown]} …"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 5400 else f"{seconds / 60:,.1f} min"
