"""The prompts that a rewrite may use: what the model is told, how its answer is read, and which checks apply.

A prompt's text belongs to its version: change a word, raise the version. The hash of what the model sees is part of
every ledger key, so an edit without a new version asks again rather than mixing old and new replies. The parser is
not part of it: a better parser reads stored replies again without a model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.steps import Reason

PLACEHOLDER = "{document}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One instruction with one place for the document."""

    name: str
    version: int
    system: str
    instruction: str
    """Holds PLACEHOLDER exactly once."""
    parse: Callable[[str], str | Reason]
    """The answer without its envelope, or why it has none."""
    opening: str = ""
    """First words of the answer, given to the model: a small one keeps a form it has already begun."""
    temperature: float = 0.5
    top_p: float = 0.9
    frequency_penalty: float = 0.2
    """Small models loop without it: 16 of 40 rewrites by SmolLM2-135M ran into their limit."""
    max_new_tokens: int = 256
    min_ratio: float = 0.5
    max_ratio: float = 2.0
    """Words of the answer over words of the passage."""
    rewrites: bool = True
    """The answer retells the whole passage, so one that merely repeats it is worthless."""

    def __post_init__(self) -> None:
        if self.instruction.count(PLACEHOLDER) != 1:
            raise ValueError(f"prompt '{self.id}' must hold {PLACEHOLDER} exactly once")

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def sha256(self) -> str:
        """Hash of everything that the model sees of this prompt."""
        return hashlib.sha256(json.dumps([self.id, self.system, self.instruction, self.opening]).encode()).hexdigest()

    def messages(self, document: str) -> tuple[tuple[str, str], ...]:
        """(role, content) in order. The document is put in once: braces or placeholders inside it stay as they are."""
        before, _, after = self.instruction.partition(PLACEHOLDER)
        messages = [("system", self.system), ("user", before + document + after)]
        if self.opening:
            messages.append(("assistant", self.opening))
        return tuple(messages)

    def document(self, messages: Sequence[tuple[str, str]]) -> str:
        """The document that `messages` were made from."""
        before, _, after = self.instruction.partition(PLACEHOLDER)
        return messages[1][1].removeprefix(before).removesuffix(after)

    def read(self, reply: str) -> str | Reason:
        """The text that the model wrote, without its envelope, or why the reply is none."""
        return self.parse(self.opening + reply)


def plain(answer: str) -> str | Reason:
    """The whole answer is the text. Quotation marks around all of it are envelope."""
    text = answer.strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2:
        text = text[1:-1].strip()
    return text or Reason("empty")


QUESTION = re.compile(r"^\W*(?:question|q)(?:\s*\d+)?\W*:[\s*]*", re.IGNORECASE)
ANSWER = re.compile(r"^\W*(?:answer|a)(?:\s*\d+)?\W*:[\s*]*", re.IGNORECASE)


def pairs(answer: str) -> str | Reason:
    """Question and answer lines in one form, `Question: …` and `Answer: …`, pairs parted by an empty line.

    A line in front of the first question is left out, one behind an answer belongs to that answer, and of pairs with
    one question the first stays. The whole reply is `off_format` if it has no pair, a question without an answer, or
    one that only repeats the question.
    """
    found: list[tuple[str, str]] = []
    question: str | None = None
    for line in filter(None, map(str.strip, answer.splitlines())):
        if QUESTION.match(line):
            if question is not None:
                return Reason("off_format")
            question = QUESTION.sub("", line)
        elif ANSWER.match(line):
            if not question:
                return Reason("off_format")
            found.append((question, ANSWER.sub("", line)))
            question = None
        elif question is not None:
            return Reason("off_format")
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line}".strip())
    if question is not None or not found or not all(reply and reply != asked for asked, reply in found):
        return Reason("off_format")
    kept: dict[str, str] = {}
    for asked, reply in found:
        kept.setdefault(asked, reply)
    return "\n\n".join(f"Question: {asked}\nAnswer: {reply}" for asked, reply in kept.items())


PROMPTS = {
    prompt.id: prompt
    for prompt in (
        Prompt(
            name="rephrase",
            version=1,
            # The words matter to a small model. Of 19 rewrites by SmolLM2-135M, 11 are accepted with these and 3 with
            # "Make the given text clearer …"; asked in the user's turn, it cut half of the passages to a summary.
            system=(
                "You are an assistant that rewrites text. Rewrite the input text so that it is clearer and more "
                "formal, and keep all of its essential content."
            ),
            instruction=PLACEHOLDER,
            parse=plain,
            temperature=0.3,
        ),
        Prompt(
            name="question_answer",
            version=1,
            system="You write quiz questions with short answers.",
            instruction=(
                f"{PLACEHOLDER}\n\nWrite two quiz questions about the facts above, each with a short answer. "
                "Use this form:\nQuestion: ...\nAnswer: ..."
            ),
            parse=pairs,
            opening="Question:",
            temperature=0.3,
            min_ratio=0.1,
            max_ratio=3.0,
            rewrites=False,
        ),
    )
}


def find_prompt(name: str) -> Prompt:
    """A prompt by id (`rephrase@1`), or the newest of that name (`rephrase`)."""
    found = [prompt for prompt in PROMPTS.values() if name in (prompt.id, prompt.name)]
    if not found:
        raise ValueError(f"prompt '{name}' is not known; there are {', '.join(PROMPTS)}")
    return max(found, key=lambda prompt: prompt.version)
