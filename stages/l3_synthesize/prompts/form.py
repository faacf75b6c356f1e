"""What a form is: how a prompt shows the document, reads the answer, and tells L4 what to expect."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from pipeline.steps import Reason

OFF_FORMAT = "off_format"


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def show(self, document: str) -> str:
        """The document as the prompt holds it."""
        return document

    def read(self, answer: str, source: str) -> str | Reason:
        """The text of an answer, without its envelope, or why it has none. `source`: what the prompt was about."""
        raise NotImplementedError

    def runs(self, text: str) -> list[list[str]]:
        """The lines of a text in groups that may share words: a loop is looked for inside each."""
        return [lines_of(text)]

    def stored(self) -> dict[str, Any]:
        """The form of the row that comes out, for L4: an envelope that `read` takes off is no longer there."""
        return self.model_dump(mode="json")

    def task(self, text: str) -> dict[str, str] | None:
        """What a program needs to check the answer in a text that `read` gave; None if it is no task."""
        return None

    def named(self) -> tuple[str, ...]:
        """What the instruction must name word by word, or no answer can have this form."""
        return ()

    joint: ClassVar[str] = ""
    """What the texts of the pieces of a long document are joined with; empty where one text cannot follow another."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What an instruction must not forbid."""


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
