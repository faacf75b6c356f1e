"""Lines of a PDF as paragraphs: words cut at line ends are whole, and none is lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract.pdf_text import joined, read
from tests.stages.l0_collect.readers.pdfs import LINE, make_pdf

FULL = "The ferry crosses the bay four times a day and carries bicycles"


def test_the_lines_of_a_page_come_as_paragraphs_and_pages_apart() -> None:
    found = read(make_pdf([["A title", LINE, LINE, "in summer.", LINE, "twice."], [LINE]]), 10)
    assert found["text"] == f"A title\n{LINE} {LINE} in summer.\n{LINE} twice.\n\n{LINE}"
    assert (found["pages"], found["pages_with_text"]) == (2, 2)


def test_columns_are_read_one_after_the_other() -> None:
    left, right = (
        ["The left column of the page runs", "on here."],
        ["The right column of the page is", "read behind it."],
    )
    assert read(make_pdf([left], columns=[right]), 10)["text"].split() == " ".join(left + right).split()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a Donaudampf\x02schiff", "a Donaudampfschiff"),
        ("well\x02known, as it is well-known", "well-known, as it is well-known"),
        ("well\x02known, wellknown and well-known", "wellknown, wellknown and well-known"),
        ("Rhein\x02Main", "Rhein-Main"),
        ("in 1990\x0299", "in 1990-99"),
        ("cut \x02 off\x02", "cut - off-"),
        ("one\x00\x07\uffff two", "one two"),
    ],
)
def test_hyphens_at_line_ends(page: str, text: str) -> None:
    assert joined([page]) == text


@pytest.mark.parametrize(
    "lines",
    [
        ["Chapter one", FULL, "and so on."],
        [FULL, "1. " + FULL, "2. " + FULL, "• " + FULL],
        ["Introduction ................................ 1", "Methods ................................... 12"],
        ["Apples 12,345.00 23,456.00 34,567.00 45,678.00", "Pears 1,345.00 3,456.00 4,567.00 5,678.00"],
        ["short", "lines", "of a poem", "stay"],
        [FULL, FULL, "17"],
        [FULL, "2.3 Simple parsing", FULL, "-c, --check  checks the syntax", FULL, "--help prints this"],
        [*[f"value{number} = {number}" for number in range(6)], FULL, FULL, "end.", "Next heading", FULL, FULL],
    ],
)  # fmt: skip
def test_what_is_no_running_text_keeps_its_lines(lines: list[str]) -> None:
    kept = joined(["\r\n".join(lines)]).split("\n")
    running = [line for line in lines if line == FULL or line in ("and so on.", "end.")]
    assert [line for line in kept if not line.startswith(FULL)] == [line for line in lines if line not in running]


def test_lines_without_spaces_between_words_are_joined_without() -> None:
    line = "渡轮每天四次穿过海湾夏天还运送自行车和小船渡轮每天四次穿过海湾夏天还"
    assert joined([f"{line}\r\n{line}"]) == line * 2
    assert joined([f"{line}\r\nferry {line}"]) == f"{line} ferry {line}"
    assert joined([f"{line} ferry\r\n{line}"]) == f"{line} ferry {line}"


def test_a_page_has_text_from_fifty_characters_on_blanks_apart() -> None:
    found = read(make_pdf([["x" * 49 + " " * 9], ["x" * 25 + " " + "x" * 25], []]), 10)
    assert (found["pages"], found["pages_with_text"]) == (3, 1)


def test_a_line_of_three_quarters_of_the_usual_length_goes_on() -> None:
    usual, lines = "x" * 80, ["a" * 60, "b" * 59, "c"]
    text = joined(["\r\n".join([usual, usual, "end", *lines])])
    assert text == f"{usual} {usual} end\n{lines[0]} {lines[1]}\n{lines[2]}"


@pytest.mark.parametrize(("behind", "rule"), [(4000, None), (4200, "truncated")])
def test_the_end_of_the_file_must_be_marked_near_its_end(behind: int, rule: str | None) -> None:
    assert read(make_pdf([[LINE]]) + b" " * behind, 10).get("rule") == rule


def test_an_unknown_kind_of_encryption_is_encryption() -> None:
    assert read(make_pdf([[LINE]], trailer="/Encrypt << /Filter /Other /V 9 >>"), 10)["rule"] == "encrypted"


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\x02", exclude_categories=["Cc", "Zl", "Zp"]))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=4))
def test_no_letter_is_lost_or_moved(pages: list[list[str]]) -> None:
    text = joined(["\r\n".join(lines) for lines in pages])
    wanted = "".join("".join(line.split()) for lines in pages for line in lines)
    assert "".join(text.split()) == re.sub("[\ufffe\uffff]", "", wanted)
