import re

import pytest

from pipeline.rows.document import Document
from pipeline.steps import Reply, Request
from stages.l3_synthesize.engines.engine import TemplateEngine
from stages.l3_synthesize.pieces import SEAM, InPieces, pieces


def words(text: str, number: int) -> int:
    """Characters of the first so many words."""
    return TemplateEngine().first_tokens(text, number)


def letters(text: str, number: int) -> int:
    return min(len(text), number)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    "text",
    [
        "One two three. Four five six! Seven\n\neight nine ten. Eleven twelve",
        "word " * 5000,  # 25,000 characters without a full stop or a new line
        "x" * 25_000,
        "  \n One.\n\n\n",
    ],
)
@pytest.mark.parametrize("first", [words, letters])
def test_nothing_is_lost_and_no_piece_is_empty_or_too_long(text: str, first):
    found = pieces(text, 300, first)
    assert squeezed("".join(found)) == squeezed(text)
    assert all(found)
    assert all(first(piece, 300) == len(piece) for piece in found)


def test_a_paragraph_ends_a_piece_or_else_a_sentence_or_a_word():
    assert pieces("One two three.\nFour five. Six seven eight nine.", 5, words) == [
        "One two three.", "Four five.", "Six seven eight nine.",
    ]  # fmt: skip
    assert pieces("One two three. Four five six", 5, words) == ["One two three.", "Four five six"]
    assert pieces("One. Two three four five six seven", 6, words) == ["One. Two three four", "five six seven"]
    assert pieces("One two three four five six", 4, words) == ["One two three", "four five six"]


def test_chinese_is_parted_behind_its_full_stops():
    assert pieces("我来到这里。你去那里。他也去那里吗？我不知道。", 12, letters) == [
        "我来到这里。你去那里。",
        "他也去那里吗？我不知道。",
    ]


def test_a_character_of_many_tokens_goes_alone():
    assert pieces("ab", 1, lambda text, number: number // 3) == ["a", "b"]
    assert pieces(" ", 1, words) == []


def request(key: str, shown: str) -> Request:
    return Request(key, Document("1", shown), "rephrase@1", (), {}, shown)


def halves(one: Request) -> list[Request]:
    return [request(one.key, part) for part in one.shown.split("|")]


def test_pieces_are_asked_for_and_come_back_as_one_reply_in_their_order():
    stream = InPieces([request("a", "x|y"), request("b", "z")], halves)
    first, second, third = stream
    assert [one.shown for one in (first, second, third)] == ["x", "y", "z"]
    assert (third.key, len({first.key, second.key, "a"})) == ("b", 3)
    assert stream.take(Reply(second.key, f"Y{SEAM}", "stop", 2, 3)) is None
    assert stream.take(Reply("b", "Z", "stop")).text == "Z"
    whole = stream.take(Reply(first.key, "X", "stop", 5, 7))
    assert (whole.key, whole.text, whole.prompt_tokens, whole.completion_tokens) == ("a", f"X{SEAM}Y\ufffd", 7, 10)


@pytest.mark.parametrize("finish", ["length", "error", "content_filter"])
def test_a_piece_that_failed_fails_the_whole(finish: str):
    stream = InPieces([request("a", "x|y")], halves)
    first, second = stream
    stream.take(Reply(first.key, "X", "stop"))
    whole = stream.take(Reply(second.key, "Y", finish, error="boom"))
    assert (whole.finish_reason, whole.error, whole.key) == (finish, "boom", "a")


def test_requests_that_come_later_are_taken_later():
    class Later:
        given = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.given += 1
            if self.given == 2:
                raise StopIteration
            return request(str(self.given), "x")

    stream = InPieces(Later(), halves)
    assert [one.key for one in stream] == ["1"]
    assert next(stream).key == "3"
