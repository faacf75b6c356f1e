# ruff: noqa: RUF001  other scripts are meant
"""Whole pages in generated variants: whichever way reads them, no paragraph and no sign of a word is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract import main_text as module
from stages.l0_collect.extract.main_text import main_text
from stages.l0_collect.extract.tree import parse

PROSE = (
    "The ferry crosses the bay four times a day, and in the summer it also carries bicycles and small boats.",
    "Nobody had asked the keeper to write, but the entries grew longer every year and fill nine volumes by now.",
    "In winter the tower is closed, because ice makes the gallery dangerous for whoever climbs up to it.",
    "Engineers from the capital came to replace the lamp, and they expected the work to take about a week.",
)
WORDS = {
    "persian": ("می‌خواهم", "کتاب‌ها", "کتابخانه‌ی", "بزرگ", "شهر"),
    "hindi": ("क्‍ष", "श्र्‍य", "हिन्दी", "भाषा", "पुस्तक"),
    "malayalam": ("ക്‍", "ന്‍", "മലയാളം", "ഭാഷ", "പുസ്തകം"),
    "russian": ("Старая", "гавань", "хранит", "небольшой", "музей"),
    "chinese": ("港口", "保存着", "一个", "小型", "博物馆"),
}
WAYS = st.sampled_from([0.0, 0.5, 1.1])
"""What the model must be sure of: the usual, and values by which one way or the other reads every page."""


def read(html: str, sure: float) -> str:
    before = module.SURE
    try:
        module.SURE = sure
        return main_text(parse(html), html, "")[0]
    finally:
        module.SURE = before


def page(paragraphs: list[str]) -> str:
    return f"<html><head><title>T</title></head><body><article>{''.join(paragraphs)}</article></body></html>"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(WORDS)), st.lists(st.integers(0, 4), min_size=40, max_size=60), st.integers(1, 4), WAYS)
def test_words_of_any_script_keep_every_sign(script: str, places: list[int], parts: int, sure: float) -> None:
    words = [WORDS[script][place] for place in places]
    size = -(-len(words) // parts)
    said = [" ".join(words[at : at + size]) + "." for at in range(0, len(words), size)]
    text = read(page([f"<p>{some}</p>" for some in said]), sure)
    assert text
    assert set(text.split("\n\n")) <= set(said), "which of such odd paragraphs are kept is the model's choice"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_paragraphs_survive_what_breaks_other_parsers(draw: st.DataObject) -> None:
    """Forbidden signs in the words, ends of the page between them, tables of layout around them."""
    said = draw.draw(st.permutations(PROSE)) * 2
    between = st.sampled_from(["", "</body></html>", "</html>", "\x01", "&#3;", "\x0b", "</body>", "<!-- > -->"])
    paragraphs = [f"<p>{some}</p>{draw.draw(between)}" for some in said]
    at = draw.draw(st.integers(0, len(said) - 1))
    sign = draw.draw(st.sampled_from(["\x00", "\x1f", "&#0;", "&#x1f;", "\ufffe", "\ufdd0", "&#xFFFF;"]))
    paragraphs[at] = paragraphs[at].replace(" the ", f" {sign}the ", 1)
    html = page(paragraphs)
    if draw.draw(st.booleans()):
        html = f"<table width=100%><tr><td width=150><a href=/>Home</a></td><td>{html}</td></tr></table>"
    text = read(html, draw.draw(WAYS))
    assert [line for line in text.split("\n") if line in PROSE] == list(said)
    assert "|" not in text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["10 AM to 8 PM", "closed", "by appointment only"]), min_size=1, max_size=3),
    st.sampled_from(["<ul>{}</ul>", "<ol>{}</ol>", "<div>{}</div>"]),
    st.integers(2, 5),
    WAYS,
)
def test_lists_in_cells_stay_in_their_cells(hours: list[str], form: str, rows: int, sure: float) -> None:
    cell = form.format("".join(f"<li>{hour}</li>" for hour in hours))
    table = "".join(f"<tr><td>Day {row}</td><td>{cell}</td></tr>" for row in range(rows))
    html = page([f"<p>{PROSE[0]}</p><table><tr><th>Day</th><th>Hours</th></tr>{table}</table><p>{PROSE[1]}</p>"])
    lines = read(html, sure).split("\n")
    for row in range(rows):
        [line] = [line for line in lines if line.startswith(f"| Day {row} |")]
        assert all(hour in line for hour in hours)


@pytest.mark.parametrize("sure", [0.5, 1.1])
def test_code_keeps_its_lines_whoever_chooses_it(sure: float) -> None:
    code = "def a():\n    pass\n\n\ndef b():\n\treturn 1"
    text = read(page([f"<p>{PROSE[0]}</p><pre>{code}</pre><p>{PROSE[1]}</p>"]), sure)
    assert f"```\n{code}\n```" in text


@settings(max_examples=200, deadline=None)
@given(
    st.permutations(PROSE),
    st.integers(2, 4),
    st.sampled_from(["And the sea goes home.", "La la, la.", "Row, boys!"]),
    st.sampled_from(["<p>{}</p>", "<p>{}<br>{}</p>", "<p><i>{}</i></p>"]),
    WAYS,
)
def test_a_refrain_is_there_as_often_as_it_is_sung(
    verses: list[str], times: int, refrain: str, form: str, sure: float
) -> None:
    song = [part for verse in verses[:times] for part in (f"<p>{verse}</p>", form.format(refrain, refrain))]
    wanted = times * form.count("{}")
    assert read(page(song), sure).count(refrain) == wanted
