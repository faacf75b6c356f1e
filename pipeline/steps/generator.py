"""Generators: new rows through a model (L3), each request in exactly one state. Producers: rows from no document."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.steps.judgement import Reason
from pipeline.steps.step import Step


@dataclass(frozen=True, slots=True)
class Request:
    """One generation to ask of a model: the n-th prompt for one document."""

    key: str
    """Hash of all that decides the reply; the ledger finds finished work by it."""
    parent: Document
    prompt: str
    """The prompt's id, such as `rephrase@1`."""
    messages: tuple[tuple[str, str], ...]
    """(role, content) in order."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """temperature, top_p, max_tokens, seed."""
    shown: str = ""
    """The part of the parent that the messages hold."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered, as the engine reports it; stored in the ledger as it came."""

    key: str
    text: str
    finish_reason: str
    """`stop`, `length`, or `error`."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""
    cached_tokens: int = 0
    """Of the prompt, from the engine's cache of prefixes."""
    seconds: float = 0.0
    """From sending to the last token."""
    prompt: str = ""
    model: str = ""
    about: str = ""
    """Hash of the document's text: by it a takedown finds the replies that were made from it."""


@dataclass(frozen=True, slots=True)
class Target:
    """How much a generator shall make, and what ends it before."""

    accept: int | None
    """Rows."""
    budget_tokens: int | None
    """Prompt and completion tokens; the replies that were under way when it is spent come on top."""
    floors: Mapping[str, float]
    """Every prompt → the share of its replies that must be accepted, or it is asked no more."""
    tokens_each: int = 1
    """Of a document, as long as none was seen."""


class Generator(Step):
    """Makes new rows through a model. Each request ends in exactly one state: a row, a reason, or an error."""

    @abstractmethod
    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        """What to ask for each document, or why this document is not sent, in row order."""

    def target(self) -> Target | None:
        """If given, the step goes through all documents of the level by id, in one task, until that is reached."""
        return None

    @abstractmethod
    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Replies in any order, one for each request, as they finish.

        Requests are taken as there is room for them: to take one may mean to read and plan the next batch. An
        iterator that gave none may give some after the next reply has been handed on.
        """

    def pilot(self) -> Generator:
        """The step as it is tried out on a few documents before a run (`orefine run --pilot`)."""
        return self

    def look_over(self, answered: Sequence[tuple[Request, Reply]]) -> None:
        """Called with the answers of a batch before each goes to `judge_reply`: for what costs less of many at once."""

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost; 0 where no prices are known."""
        return 0.0

    def ask_again(self, request: Request, reply: Reply) -> Request | None:
        """Another request in place of this one, whose reply is of no use; asked for once."""
        return None

    def compose(self, parent: Document, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What leaves the step of one document, given the rows made of it: these, or others in their place."""
        return rows

    @abstractmethod
    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> Mapping[str, Any] | Reason:
        """The new row's columns (`text` and those declared), or why the reply is refused.

        siblings: the texts accepted so far from the same parent, in the order of the requests.
        """


class Producer(Step):
    """Adds rows that come from no document, once to a level, behind the rows of its first shard."""

    @abstractmethod
    def produce(self) -> Iterator[tuple[Mapping[str, Any], Reason | str | None]]:
        """Each row's columns (`text`, `source` and those declared), and None if it stays.

        A `Reason` says why it is refused, a plain string what went wrong with this one alone (quarantine). The same
        rows in the same order whenever it is asked.
        """
