"""Messages as token ids, in which only the chat template's own control tokens are control tokens.

A page may hold `<|im_end|>` or `<|start_header_id|>`. Rendered together with the template and tokenised afterwards, it
would end our turn and begin one of its own, and the model would obey it. So the template is rendered around marks,
cut there, and its pieces and the messages are tokenised apart: the one with control tokens, the other as plain text.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Sequence
from typing import Any

from stages.l3_synthesize.engines.token_ends import TokenEnds

Messages = Sequence[tuple[str, str]]
CHARACTERS_OF_A_TOKEN, SMALLEST_PART = 4.5, 64
"""How much of a text is tokenised at once where so many tokens are wanted; English has 4 to 5."""
AMPLE = 6
"""The same where tokens are cheap: few texts need to be looked at twice."""
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
        self._fast = getattr(tokenizer, "backend_tokenizer", None)
        if self._fast is not None:  # some models' files order both, for training
            self._fast.no_truncation()
            self._fast.no_padding()

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

    def first(self, text: str, number: int) -> int:
        """How many characters the first so many tokens take; all of them if the text has no more.

        Reads so much of the text as that many tokens usually are, and goes on behind it if they were longer. Where a
        token crosses such a place the count may be one too high.
        """
        done = 0
        while number > 0 and done < len(text):
            part = _head(text, done, int(number * CHARACTERS_OF_A_TOKEN))
            tokens, end = self._first(part, number)
            if tokens > number:
                return done + end
            done, number = done + len(part), number - tokens
        return done

    def first_each(self, texts: Sequence[str], number: int) -> list[int]:
        """`first` of each text."""
        if self._ends is None or not self._ends.is_compiled:
            return [self.first(text, number) for text in texts]
        heads = [_head(text, 0, number * AMPLE) for text in texts]
        plain = [place for place, head in enumerate(heads) if head and not self._spelled.search(head)]
        found: dict[int, int] = {}
        measured = self._ends.first([heads[place] for place in plain], number)
        for place, (tokens, end) in zip(plain, measured, strict=True):
            if tokens <= number and end < len(texts[place]):
                end += self.first(texts[place][end:], number - tokens)
            found[place] = end
        return [found[place] if place in found else self.first(text, number) for place, text in enumerate(texts)]

    @functools.cached_property
    def _ends(self) -> TokenEnds | None:
        return None if self._fast is None else TokenEnds(self._fast)

    def _first(self, part: str, number: int) -> tuple[int, int]:
        """The tokens of a part, and where the first one too many begins."""
        if self._fast is not None and not self._spelled.search(part):
            encoding = self._fast.encode(part, add_special_tokens=False)
            if self._control.isdisjoint(encoding.ids):
                more = len(encoding) > number
                return len(encoding), encoding.token_to_chars(number)[0] if more else len(part)
        ends = range(len(part) + 1)
        return len(self.plain(part)), bisect.bisect_right(ends, number, key=lambda end: len(self.plain(part[:end]))) - 1

    def controls(self, ids: Sequence[int]) -> int:
        """How many of these ids are control tokens."""
        return sum(number in self._control for number in ids)

    def _without_control(self, text: str) -> list[int]:
        """Where a normaliser makes a control token of other characters (full-width ones), the text is cut in halves."""
        ids = self._ids(text)
        if self._control.isdisjoint(ids):
            return ids
        if len(text) == 1:
            raise ValueError(f"the character {text!a} is a control token of {self._name}")
        middle = len(text) // 2
        return self._without_control(text[:middle]) + self._without_control(text[middle:])

    def _ids(self, text: str) -> list[int]:
        if not text:
            return []
        if self._fast is not None:
            return list(self._fast.encode(text, add_special_tokens=False).ids)
        return list(self._tokenizer.encode(text, add_special_tokens=False))

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
        return [self._ids(piece) for piece in pieces]


def _head(text: str, start: int, size: int) -> str:
    """About so many characters from `start` on, up to a space if there is one."""
    part = text[start : start + max(size, SMALLEST_PART)]
    if start + len(part) < len(text) and (space := part.rfind(" ")) > 0:
        part = part[:space]
    return part


def _without_system(messages: Messages) -> Messages:
    """The same, with what the system says at the head of the first turn."""
    (_, rule), (role, content), *others = messages
    return [(role, f"{rule}\n\n{content}"), *others]
