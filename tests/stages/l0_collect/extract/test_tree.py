# ruff: noqa: E501, RUF001
"""What of a page's markup gets into its tree."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract.blocks import blocks, join
from stages.l0_collect.extract.tree import parse

PROSE = "The lighthouse at the end of the breakwater was built in 1871, when a storm had taken eleven boats. " * 5


def markdown(html: str) -> str:
    return join(blocks(parse(html)))


@pytest.mark.parametrize("html", ["", " ", "<!-- only this -->", "<html></html>", "\0\x01"])
def test_nothing_in_it(html: str) -> None:
    assert markdown(html) == ""


@pytest.mark.parametrize(
    "sign",
    ["\x00", "\x01", "\x07", "\x0b", "\x1f", "\x7f", "\ufffe", "\uffff", "\ufdd0", "\ud800", "&#0;", "&#7;", "&#7", "&#11;",
     "&#x1f;", "&#X1F;", "&#0031;", "&#127;", "&#129;", "&#x8d;", "&#xFFFE;", "&#65535;", "&#xD800;", "&#57343;", "\x81"],
)  # fmt: skip
def test_forbidden_signs_go_and_nothing_else(sign: str) -> None:
    tree = parse(f"<p title='a{sign}b'>strange {sign} sign</p><p>rest{sign}</p>")
    assert join(blocks(tree)) == "strange sign\n\nrest"
    for text in [*tree.itertext(), tree.find(".//p").get("title")]:
        tree.text = text  # lxml takes only what XML allows
        assert "\ufffd" not in text


@pytest.mark.parametrize(
    ("reference", "sign"),
    [("&#128;", "€"), ("&#x92;", "’"), ("&#150;", "–"), ("\x92", "’"), ("&#10;", " "), ("&#x20;", " "), ("&#8364;", "€"),
     ("&#65;", "A"), ("&#x7f0;", "߰"), ("&#80;", "P"), ("&#300;", "Ĭ"), ("\x0c", " "), ("&#1114109;", "\U0010fffd")],
)  # fmt: skip
def test_references_that_mean_something(reference: str, sign: str) -> None:
    assert markdown(f"<p>a{reference}b</p>") == f"a{sign}b"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0x9F), st.sampled_from(["{}", "&#{};", "&#x{:x};", "&#x{:X}", "&#0{};"]))))
def test_any_control_in_any_form(signs: list[tuple[int, str]]) -> None:
    dangerous = [
        form.format(chr(code) if form == "{}" else code) for code, form in signs if not chr(code).isprintable()
    ]
    text = markdown("<p>begin " + " ".join(dangerous) + " end</p><p>and the rest of the page</p>")
    assert text.startswith("begin")
    assert text.endswith("end\n\nand the rest of the page")
    assert all(sign.isprintable() or sign == "\n" for sign in text)


@pytest.mark.parametrize(
    "end", ["</body>", "</html>", "</body></html>", "</BODY ></HTML>", "</body></html><html><body>"]
)
def test_text_behind_the_end_stays(end: str) -> None:
    assert markdown(f"<html><body><p>one</p>{end}<p>two</p> three{end}") == "one\n\ntwo\n\nthree"


@pytest.mark.parametrize(
    "html",
    [
        "<p hidden>x</p>", "<p style='display: none'>x</p>", "<p style='color:red;DISPLAY:NONE;'>x</p>",
        "<p style='visibility:hidden'>x</p>", "<template><p>x</p></template>", "<noscript>x</noscript>",
        "<script>x</script>", "<style>x</style>", "<svg><title>x</title></svg>", "<select><option>x</select>",
        "<textarea>x</textarea>", "<iframe>x</iframe>", "<!-- x -->", "<script type='application/ld+json'>x</script>",
    ],
)  # fmt: skip
def test_what_no_reader_sees_goes(html: str) -> None:
    assert markdown(f"<p>one</p>{html}<p>two</p>") == "one\n\ntwo"
    assert markdown(f"<p>one {html} two</p>").split() == ["one", "two"]


@pytest.mark.parametrize(
    "html",
    [
        "<p hidden=until-found>x</p>", "<div role=tabpanel aria-hidden=true hidden>x</div>",
        "<div class='tab-pane' style='display:none'>x</div>", "<div class=faq-answer style='display:none'>x</div>",
        "<div hidden id=S:1>x</div>", "<template shadowrootmode=open><p>x</p></template>",
        "<div aria-hidden=true>x</div>", "<p style='background: none'>x</p>", "<dialog open>x</dialog>",
    ],
)  # fmt: skip
def test_what_a_reader_can_get_to_see_stays(html: str) -> None:
    assert markdown(f"<p>one</p>{html}<p>two</p>") == "one\n\nx\n\ntwo"


def test_words_for_the_eye_and_for_the_ear_are_said_once() -> None:
    assert markdown("<p><span aria-hidden=true>Two</span><span class=sr-only>Two</span> more</p>") == "Two more"
    assert markdown("<p><i><b aria-hidden=true>Two</b></i><i>Two</i></p>") == "Two"
    assert markdown("<p><b aria-hidden=true>w</b><b aria-hidden=true>w</b></p>") == "ww"


@pytest.mark.parametrize("start", ["<body style='display:none'>", "<body><div hidden>", "<body><noscript>"])
def test_a_page_that_is_hidden_at_first_is_read(start: str) -> None:
    assert markdown(f"<html>{start}<p>{PROSE}") == PROSE.strip()


def test_json_ld_stays_in_the_tree() -> None:
    tree = parse("<script type='Application/LD+JSON'>{}</script><script>x</script><p>y")
    assert [script.text for script in tree.iter("script")] == ["{}"]


@pytest.mark.parametrize(
    "html",
    [
        "<p " + " ".join(f"a{number}=1" for number in range(300_000)) + ">x</p>",
        "<p hidden>x</p>tail " * 40_000,
        "<i aria-hidden=true>x</i><b>x</b>" * 20_000,
        "<a href=/>x</a> " * 49_000,
        "<table>" + "<tr><td colspan=100000 rowspan=100000>x<td>y" * 5_000,
        "x" + "<table><tr><td>" * 20_000,
        "<math>" + "<mrow><mi>x</mi>" * 10_000,
    ],
    ids=["attributes", "hidden", "doubles", "links", "spans", "nested tables", "nested formulas"],
)
def test_hostile_pages_take_no_time(html: str) -> None:
    before = time.process_time()
    assert markdown(html)
    assert time.process_time() - before < 10  # each took 30 s and more by the plain way


def test_layout_becomes_prose() -> None:
    page = f"<table width=100%><tr><td><a href=/>Home</a><td><h1>Notes</h1><p>{PROSE}<p>{PROSE}</table>"
    nested = f"<table><tr><td><table><tr><td><a>Home</a></table><td><table><tr><td><h1>Notes</h1><p>{PROSE}<p>{PROSE}"
    for html in (page, nested):
        assert markdown(html) == f"Home\n\n# Notes\n\n{PROSE.strip()}\n\n{PROSE.strip()}"


@settings(max_examples=200, deadline=None)
@given(
    attributes=st.sampled_from(["", " width=100%", " border=0 cellpadding=0", " role=presentation", " class=layout"]),
    cell=st.sampled_from(["td", "th"]),
    depth=st.integers(1, 4),
    rows=st.integers(1, 3),
    aside=st.sampled_from(["", "<td><a href=/>Home</a><br><a href=/b>More</a></td>", "<td width=1>&nbsp;</td>"]),
)
def test_any_table_around_prose_is_layout(attributes: str, cell: str, depth: int, rows: int, aside: str) -> None:
    html = f"<h2>Title</h2><p>{PROSE}</p><p>{PROSE}</p>"
    for _ in range(depth):
        row = f"<tr>{aside}<{cell}>{html}</{cell}></tr>"
        html = f"<table{attributes}>{row * (rows if _ == 0 else 1)}</table>"
    text = markdown(html)
    assert "|" not in text
    assert [line for line in text.split("\n") if line == PROSE.strip()] == [PROSE.strip()] * 2 * rows
    assert "## Title" in text.split("\n")


def test_a_list_of_links_in_a_table_is_layout() -> None:
    item = "<tr><td>1.<td><td><a href=/x>A title</a> (site)<tr><td colspan=2><td>100 points<tr style='height:5px'></tr>"
    assert markdown(f"<table border=0>{item * 3}</table>") == "\n\n".join(["1. A title (site)", "100 points"] * 3)


def test_data_about_a_page_is_none_of_its_text() -> None:
    """A forum that scripts make: its posts stand in <noscript>, and once more in JSON-LD, which is longer."""
    post = "<p>I just joined today and wanted to post this in its own thread.</p>" * 20
    data = f'<script type="application/ld+json">{{"text": "{"words " * 2000}"}}</script>'
    tree = parse(f"<body>{data}<div>Loading</div><noscript>{post}</noscript></body>")
    assert "".join(tree.find(".//body").itertext()).count("its own thread") == 20


def test_long_start_tags_keep_their_few_attributes() -> None:
    tree = parse(f"<a href='/x' data-state='{'y' * 30_000}'>one</a><p {'a ' * 6000}id='z'>two</p>")
    assert tree.find(".//a").get("href") == "/x"
    assert not tree.find(".//p").attrib


@pytest.mark.parametrize("style", ["display:none", "DISPLAY : NONE", "visibility:Hidden"])
def test_any_case_hides(style: str) -> None:
    tree = parse(f"<p>{'Words of the page. ' * 30}</p><div style='{style}'>secret</div>")
    assert "secret" not in "".join(tree.itertext())
