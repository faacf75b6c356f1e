"""Messages as token ids, in which only the chat template's own control tokens are control tokens.

A page may hold `<|im_end|>` or `<|start_header_id|>`. Rendered together with the template and tokenised afterwards, it
would end our turn and begin one of its own, and the model would obey it. So the template is rendered around marks,
cut there, and its pieces and the messages are tokenised apart: the one with control tokens, the other as plain text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

Messages = Sequence[tuple[str, str]]
MARK = "zqmessage{}zq"
"""Stands for the n-th message while a template is rendered: letters that no template trims, splits or looks for."""


class Chat:
    """A tokenizer's chat template, applied to messages of (role, content) whose content is data."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer, self._name = tokenizer, name
        # Tokens of white space alone are words of the vocabulary that some tokenizers keep in this list.
        added = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if str(token).strip()}
        self._control = frozenset(added) | frozenset(tokenizer.all_special_ids)
        self._spelled = re.compile("|".join(map(re.escape, sorted(added.values(), key=len, reverse=True))) or r"(?!)")
        self._pieces = functools.cache(self._render)

    def encode(self, messages: Messages) -> list[int]:
        """The prompt's token ids; after the last message of an assistant its turn stays open.

        Raises ValueError if the template cannot be used so, or a message cannot be told without a control token.
        """
        try:
            first, *others = self._pieces(tuple(role for role, _ in messages))
        except ValueError:
            if messages[0][0] != "system":
                raise
            return self.encode(_without_system(messages))  # Gemma and Mistral of some years have no such role
        ids = list(first)
        for (_, content), piece in zip(messages, others, strict=True):
            ids += self.plain(content)
            ids += piece
        own = sum(self.controls(piece) for piece in (first, *others))
        if (found := self.controls(ids)) != own:
            raise ValueError(f"the prompt holds {found} control tokens and its template {own}")
        return ids

    def plain(self, text: str) -> list[int]:
        """Token ids of a text in which whatever is spelled like a control token is ordinary characters."""
        ids: list[int] = []
        start = 0
        for match in self._spelled.finditer(text):
            ids += self._without_control(text[start : match.start() + 1])
            start = match.start() + 1
        return ids + self._without_control(text[start:])

    def controls(self, ids: Sequence[int]) -> int:
        """How many of these ids are control tokens."""
        return sum(number in self._control for number in ids)

    def _without_control(self, text: str) -> list[int]:
        """Where a normaliser makes a control token of other characters (full-width ones), the text is cut in halves."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        if not self.controls(ids):
            return ids
        if len(text) == 1:
            raise ValueError(f"the character {text!a} is a control token of {self._name}")
        middle = len(text) // 2
        return self._without_control(text[:middle]) + self._without_control(text[middle:])

    def _render(self, roles: tuple[str, ...]) -> list[list[int]]:
        """The template's token ids in front of, between and behind the messages of these roles."""
        marks = [MARK.format(number) for number in range(len(roles))]
        is_open = roles[-1] == "assistant"
        try:
            text = self._tokenizer.apply_chat_template(
                [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)],
                tokenize=False, add_generation_prompt=not is_open, continue_final_message=is_open,
            )  # fmt: skip
        except Exception as error:  # a template is a program and raises what it likes
            raise ValueError(
                f"the chat template of {self._name} refuses the roles {', '.join(roles)}: {error}"
            ) from error
        pieces = re.split("|".join(marks), text)
        if re.findall("|".join(marks), text) != marks:
            raise ValueError(
                f"the chat template of {self._name} does not say each of the roles {', '.join(roles)} once"
            )
        return [self._tokenizer.encode(piece, add_special_tokens=False) if piece else [] for piece in pieces]


def _without_system(messages: Messages) -> Messages:
    """The same, with what the system says at the head of the first turn."""
    (_, rule), (role, content), *others = messages
    return [(role, f"{rule}\n\n{content}"), *others]
