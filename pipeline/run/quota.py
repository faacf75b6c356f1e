"""When a generator has made enough: the number of rows it was asked for, its budget, and prompts that yield too little.

Decisions are taken reply by reply in the order of the documents' ids, whatever order the replies came in, so that the
same replies give the same rows with any number of workers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

from pipeline.books.accounting import Ending, StoppedPrompt, Tokens
from pipeline.books.interval import wilson
from pipeline.steps import Reason, Target

FIRST = 64
"""Documents asked at first, while nobody knows how many of their replies are accepted."""
MOST = 4_096
"""Documents asked at once."""
SPARE = 1.1
"""Asks for so many times what is expected to be needed, rather than wait once more for a few."""
FEWEST_TRIES = 20
"""Replies before a prompt can be stopped. Its interval is looked at after each, so a few could end it by chance."""


@dataclass(slots=True)
class Quota:
    """What came of a target so far."""

    target: Target
    documents: int = 0
    accepted: int = 0
    tokens: int = 0
    stopped: dict[str, Reason] = field(default_factory=dict)
    """Prompt → its accept rate, and the floor it is under."""
    _tries: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _good: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next_documents(self) -> int:
        """How many documents to ask for at once; at least one."""
        wanted = min(MOST, max(FIRST, self.documents))  # what is known of the first grows with them
        if self.target.accept is not None:
            rate = (self.accepted + 1) / (self.documents + 1)
            wanted = min(wanted, math.ceil(SPARE * (self.target.accept - self.accepted) / rate))
        if self.target.budget_tokens is not None:
            each = self.tokens / self.documents if self.tokens else self.target.tokens_each
            wanted = min(wanted, int((self.target.budget_tokens - self.tokens) / max(1, each)))
        return max(1, wanted)

    def over(self) -> Reason | None:
        """Why nothing more is made of any document."""
        target = self.target
        if target.accept is not None and self.accepted >= target.accept:
            return Reason("enough", self.accepted, target.accept)
        if target.budget_tokens is not None and self.tokens >= target.budget_tokens:
            return Reason("budget_spent", self.tokens, target.budget_tokens)
        if target.floors and target.floors.keys() <= self.stopped.keys():
            return Reason("prompt_stopped")
        return None

    def spend(self, tokens: Tokens) -> None:
        self.tokens += tokens.prompt_tokens + tokens.completion_tokens

    def judge(self, prompt: str, accepted: bool) -> None:
        """A reply was accepted or refused; its prompt is stopped where it is surely under its floor."""
        self.accepted += accepted
        self._tries[prompt] += 1
        self._good[prompt] += accepted
        good, tries, floor = self._good[prompt], self._tries[prompt], self.target.floors.get(prompt, 0.0)
        if tries >= FEWEST_TRIES and wilson(good, tries)[1] < floor:
            self.stopped[prompt] = Reason("prompt_stopped", good / tries, floor)

    def ending(self) -> Ending:
        """For the books: what was reached, and what ended it."""
        over = self.over()
        ended_by = {"enough": "accept", "budget_spent": "budget_tokens", "prompt_stopped": "prompts"}
        return Ending(
            accept=self.target.accept,
            accepted=self.accepted,
            budget_tokens=self.target.budget_tokens,
            tokens=self.tokens,
            ended_by="documents" if over is None else ended_by[str(over)],
            stopped={
                prompt: StoppedPrompt(
                    accepted=self._good[prompt], tries=self._tries[prompt],
                    at_most=wilson(self._good[prompt], self._tries[prompt])[1], min_accept=self.target.floors[prompt],
                )
                for prompt in sorted(self.stopped)
            },
        )  # fmt: skip
