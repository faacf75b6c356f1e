"""Lines and paragraphs, against what Python's string methods find."""

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words import lines as kernel
from pipeline.kernels.words.words import HEAD, split_words

PIECES = ["\n", "\n\n", "\r\n", "\r", " ", "\t", "a", "b.", "é!", "...", "…", "•", "- ", "#", "\u2028", "\x85", "\x1c"]
PIECES.append("a longer line of words")
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def cut(found: kernel.Lines) -> list[list[str]]:
    return [
        [found.data[found.start[i] : found.stop[i]].tobytes().decode() for i in range(begin, end)]
        for begin, end in zip(found.begin, found.end, strict=True)
    ]


def duplicates(elements: list[str]) -> tuple[int, int]:
    again = [element for i, element in enumerate(elements) if element in elements[:i]]
    return len(again), sum(map(len, again))


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=3))
def test_lines_paragraphs_and_their_repeats(texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    lines = kernel.split_lines(array)
    paragraphs = kernel.paragraphs(lines)
    expected = [[line for line in text.split("\n") if line] for text in texts]
    assert cut(lines) == expected
    assert cut(paragraphs) == [[part for part in re.split("\n{2,}", text.strip()) if part] for text in texts]
    assert list(zip(*kernel.repeated(lines), strict=True)) == [duplicates(found) for found in expected]
    visible = [[line for line in found if line.strip()] for found in expected]
    assert list(zip(*kernel.repeated(lines, skip_blank=True), strict=True)) == [duplicates(v) for v in visible]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_counts(text: str) -> None:
    array = pa.array([text])
    characters, newlines, at_least = (int(part[0]) for part in kernel.characters(array))
    assert [characters, newlines] == [len(text), text.count("\n")]
    assert at_least == len(re.findall(r"(?<![^ \n])[!-~]", text)) <= split_words(array).end[0]
    assert [bool(part[0]) for part in kernel.outer_newlines(array)] == [text.startswith("\n"), text.endswith("\n")]
    ellipses = text.count("...") + text.count("…")
    assert [int(part[0]) for part in kernel.count_symbols(array)] == [text.count("#"), ellipses]
    shapes, lines = kernel.line_shapes(array), text.splitlines()
    assert shapes.lines[0] == len(lines)
    assert shapes.bullets[0] == sum(line.lstrip().startswith(("•", "-")) for line in lines)
    assert shapes.ellipses[0] == sum(line.rstrip().endswith(("...", "…")) for line in lines)
    prose = kernel.prose(kernel.split_lines(array), short=3)
    visible = [line for line in text.split("\n") if line.strip()]
    assert prose.lines[0] == len(visible)
    assert prose.terminal[0] == sum(line.endswith((".", "!")) for line in visible)
    assert prose.short[0] == sum(len(line) <= 3 for line in visible)


def test_filter_follows_the_rows() -> None:
    found = kernel.split_lines(pa.array(["a\nb", "c", None, "d\n\ne"]))
    assert cut(found.filter(found.begin >= 2)) == [["c"], [], ["d", "e"]]


def test_only_the_head_of_a_huge_document_is_looked_at() -> None:
    array = pa.array(["x" * HEAD + "\nrest\n", "next"])
    assert [len(line[0]) for line in cut(kernel.split_lines(array))] == [HEAD, 4]
    assert kernel.characters(array)[0].tolist() == [HEAD, 4]
