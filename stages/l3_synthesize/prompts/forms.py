"""The forms that an answer may have, and the text that is in it.

A form is data: its prompt's file names it, each row carries it in the column `form`, and L4 checks the row against it
with code of its own.

| kind     | the answer                                                   | settings                            |
|----------|--------------------------------------------------------------|-------------------------------------|
| prose    | the text itself                                              |                                     |
| tagged   | the text between two tags; what stands outside is left out   | tag                                 |
| edits    | operations on numbered lines, applied to the document        | max_removed                         |
| pairs    | questions with answers, in lines that begin with two labels  | question, answer, minimum           |
| turns    | two speakers in turns                                        | first, second, minimum              |
| labelled | parts under labels, in order                                 | labels, verifier                    |
| table    | a Markdown table and one question about it                   | question, answer, min_rows          |
| bullets  | a list                                                       | minimum                             |
| sections | a Markdown text with a title and headings                    | minimum                             |
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipeline.steps import Reason
from stages.l3_synthesize.prompts.edits import Edits
from stages.l3_synthesize.prompts.form import OFF_FORMAT, Form
from stages.l3_synthesize.prompts.labelled import Labelled, Pairs, Turns
from stages.l3_synthesize.prompts.markdown import Bullets, Sections, Table

__all__ = ["AnyForm", "Form", "Pairs", "Prose", "Tagged"]


class Prose(Form):
    """The whole answer is the text. Quotation marks around all of it are envelope."""

    kind: Literal["prose"] = "prose"
    joint: ClassVar[str] = "\n\n"

    def read(self, answer: str, source: str = "") -> str | Reason:
        text = answer.strip()
        for opening, closing in ('""', "\u201c\u201d"):
            if len(text) > 1 and text[0] == opening and text[-1] == closing:
                inner = text[1:-1]
                if opening not in inner and closing not in inner:
                    text = inner.strip()
        return text or Reason("empty")


class Tagged(Form):
    """The text between `<tag>` and `</tag>`, each there exactly once: the model may think aloud before it."""

    kind: Literal["tagged"] = "tagged"
    joint: ClassVar[str] = "\n\n"
    tag: str = Field(pattern=r"^[a-z]+$")

    def read(self, answer: str, source: str = "") -> str | Reason:
        opening, closing = self.named()
        before, _, rest = answer.partition(opening)
        text, _, after = rest.partition(closing)
        if f"{before}{opening}{text}{closing}{after}" != answer or opening in rest or closing in before + after:
            return Reason(OFF_FORMAT)
        return text.strip() or Reason("empty")

    def stored(self) -> dict[str, Any]:
        return Prose().stored()

    def named(self) -> tuple[str, ...]:
        return (f"<{self.tag}>", f"</{self.tag}>")


AnyForm = Annotated[
    Prose | Tagged | Edits | Pairs | Turns | Labelled | Table | Bullets | Sections, Field(discriminator="kind")
]
