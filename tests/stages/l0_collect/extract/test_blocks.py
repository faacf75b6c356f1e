# ruff: noqa: E501, RUF001  one case, one line; signs that look like others are meant
"""Trees as blocks of Markdown: every word, in its order and form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract.blocks import Block, blocks, join
from stages.l0_collect.extract.tree import parse


def found(html: str) -> list[Block]:
    return blocks(parse(html))


def markdown(html: str) -> str:
    return join(found(html))


def test_blocks_say_what_they_are_and_where() -> None:
    html = (
        "<h2>A <b>title</b></h2>loose<p>See <a href=/>this page</a>.<ul><li>item</ul><pre>x = 1</pre>"
        "<table><caption>Cap</caption><tr><th>a<th>b<tr><td>1<td>2</table><blockquote><p>said</blockquote>"
        "<figure><figcaption>seen</figcaption></figure><script type='math/tex; mode=display'>x^2</script>"
    )
    assert [(block.kind, block.markdown, block.text, block.links) for block in found(html)] == [
        ("heading", "## A title", "A title", 0),
        ("paragraph", "loose", "loose", 0),
        ("paragraph", "See this page.", "See this page.", 9),
        ("list_item", "- item", "item", 0),
        ("code", "```\nx = 1\n```", "x = 1", 0),
        ("caption", "Cap", "Cap", 0),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |", "a b\n1 2", 0),
        ("quote", "> said", "said", 0),
        ("caption", "seen", "seen", 0),
        ("formula", "$$x^2$$", "$$x^2$$", 0),
    ]
    assert [block.element.tag for block in found(html)][:4] == ["h2", "body", "p", "li"]


def test_line_ends_and_paragraphs_by_br() -> None:
    assert markdown("<p>one<br>two<br/><br> <br>three\nfour</p>") == "one\ntwo\n\nthree four"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["And the sea goes home.", "verse one", "verse two"]), min_size=1, max_size=30),
       st.sampled_from(["<p>{}</p>", "<div>{}</div>", "<li>{}</li>", "{}<br><br>"]))  # fmt: skip
def test_refrains_stay(lines: list[str], form: str) -> None:
    text = markdown("<div>" + "".join(form.format(line) for line in lines) + "</div>")
    assert [line.removeprefix("- ") for line in text.split("\n") if line] == lines


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("4.2 × 10<sup>13</sup> km", "4.2 × 10^13 km"), ("25 m<sup>2</sup>.", "25 m^2."), ("2<sup>3</sup>4", "2^3^4"),
        ("10<sup>−6</sup>", "10^−6"), ("H<sub>2</sub>O", "H~2~O"), ("x<sub>1</sub>2", "x~1~2"), ("x<sup>n</sup>", "x^n"),
        ("1<sup>st</sup>", "1st"), ("M<sup>me</sup>", "Mme"), ("2<sup>e</sup> jour", "2e jour"), ("Brand<sup>®</sup>", "Brand®"),
        ("3<sup>1</sup>/<sub>2</sub>", "3 1/2"), ("<sup>1</sup>⁄<sub>2</sub>", "1⁄2"), ("<sup>14</sup>C", "14C"),
        ("word<sup><a href='#n1'>1</a></sup>", "word[1]"), ("word<sup><a href='#n1'>[1]</a></sup>", "word[1]"),
        ("e<sup>x<sub>1</sub></sup>", "e^x~1~"), ("a<sup></sup>b<sub></sub>", "ab"), ("x<sup> 2 </sup>", "x^2"),
        ("f<sub>i</sub><sup>2</sup>", "f~i~^2"),
    ],
)  # fmt: skip
def test_raised_and_lowered(html: str, text: str) -> None:
    assert markdown(f"<p>{html}</p>") == text


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 999), st.integers(0, 999), st.sampled_from(["sup", "sub"]), st.sampled_from(["", " km", "5", "x"])
)
def test_digits_never_melt(base: int, digits: int, tag: str, after: str) -> None:
    text = markdown(f"<p>n {base}<{tag}>{digits}</{tag}>{after}</p>")
    assert f"{base}{digits}" not in text or str(base).endswith(f"{base}{digits}")
    assert not after or not after[0].isalnum() or f"{digits}{after}" not in text


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم کتاب‌ها", "ക്‍ ന്‍", "क्‍ष श्र्‍य", "👨‍👩‍👧 🏳️‍🌈", "𞓐𞓑𞓒 new letters", "\U0001fae8 \U00031350", "Ａｂ", "ﬁne", "مرحبا",
        "e\u0301 a\u0308", "\u202bעברית\u202c", "Müller’s «café»",
    ],
)  # fmt: skip
def test_words_stay_as_they_are_written(text: str) -> None:
    assert markdown(f"<p>{text}</p>") == text


def test_what_is_no_part_of_a_word_goes() -> None:
    assert markdown("<p>soft&shy;hyphen zero\u200bwidth \ufeffmark word\u2060joiner Auf&zwnj; \u200dlage</p>") == (
        "softhyphen zerowidth mark wordjoiner Auf lage"
    )
    assert markdown("<p>a&nbsp;b \n\t c</p>") == "a b c"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h2>Install<a class=headerlink href='#install'>¶</a></h2>", "## Install"),
        ("<h3><a href='https://a.test/x#use'>🔗</a> Use</h3>", "### Use"),
        ("<p>In <a href='#c'>C#</a>, <a href='/tags#top'>#tag</a> and <a href='/hash'>#</a></p>", "In C#, #tag and #"),
    ],
)
def test_links_of_a_heading_to_itself_are_no_words(html: str, text: str) -> None:
    assert markdown(html) == text


def test_lists_nest_and_count() -> None:
    html = (
        "<ol start=3><li>c<li value=7>d<ul><li>x<ol><li>deep</ol></ul><li>e</ol>after<ul><li><p>one<p>two</ul><li>alone"
    )
    assert markdown(html) == ("3. c\n7. d\n   - x\n     1. deep\n8. e\n\nafter\n\n- one\n\ntwo\n\n- alone")


def test_a_list_begins_at_the_margin_whatever_was_left_out() -> None:
    parts = found("<ul><li>out<ul><li>in<ul><li>deep</ul></ul></ul>")
    assert join(parts[1:]) == "- in\n  - deep"
    assert join([]) == ""


@pytest.mark.parametrize(
    ("html", "source"),
    [
        ("<pre>def a():\n    pass\n\n\ndef b():\n    pass\n</pre>", "def a():\n    pass\n\n\ndef b():\n    pass"),
        ("<pre>x<br>  y<br>    z</pre>", "x\n  y\n    z"),
        ("<pre>\n\tx\r\n\t\ty  \n</pre>", "\tx\n\t\ty"),
        ("<pre><span class=line>a</span>\n<span class=line>  b</span></pre>", "a\n  b"),
        ("<pre><div>a</div><div>  b</div><div><br></div><div>c</div></pre>", "a\n  b\n\nc"),
        ("<pre><ol><li>a</li><li>&nbsp;&nbsp;b</li></ol></pre>", "a\n  b"),
        ("<pre><span class=lineno>1</span>a\n<span class='line-number'>2</span>b</pre>", "a\nb"),
        ("<pre><button>Copy</button><code>a</code></pre>", "a"),
        ("<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre><td class=code><pre>a\n  b</pre></table>", "a\n  b"),
        ("<p><code>a<br>&nbsp;&nbsp;b</code></p>", "a\n  b"),
        ("<pre>a &lt; b &amp;&amp; *c* _d_ | e</pre>", "a < b && *c* _d_ | e"),
        ("<ul><li>Do:<pre>  a\n  b</pre></ul>", "  a\n  b"),
    ],
)  # fmt: skip
def test_code_line_by_line(html: str, source: str) -> None:
    [code] = [block for block in found(html) if block.kind == "code"]
    assert code.text == source
    assert code.markdown == f"```\n{source}\n```"


def test_classes_that_hold_a_number_or_a_line() -> None:
    html = "<pre><span class=ln>1</span>def f():\n<span class=ln>2</span>    return 2\n</pre>"
    assert markdown(html) == "```\ndef f():\n    return 2\n```"
    html = "<pre><span class=ln>def f():</span>\n<span class=ln>    return 2</span>\n</pre>"
    assert markdown(html) == "```\ndef f():\n    return 2\n```"


def test_fences_and_languages() -> None:
    assert markdown("<pre><code class='hljs language-c++'>x</code></pre>") == "```c++\nx\n```"
    assert markdown("<div class='highlight-source-rust'><pre>x</pre></div>") == "```rust\nx\n```"
    assert markdown("<pre>```\nx\n```</pre>") == "````\n```\nx\n```\n````"
    assert markdown("<p>use <code>a  b</code>, <code>a`b</code><code> </code></p>") == "use `a b`, `` a`b ``"


LINE = st.text("abz(){}<>&=\"' \t_*|`#", max_size=12).map(str.rstrip)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=8).filter(lambda lines: bool(lines[0] and lines[-1])),
    st.sampled_from(["{}\n", "{}<br>", "<span>{}</span>\n", "<div>{}<br></div>", "<span><b>{}</b>\n</span>"]),
)
def test_any_code_in_any_markup(lines: list[str], form: str) -> None:
    escaped = [line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines]
    [code] = found("<pre><code>" + "".join(form.format(line) for line in escaped) + "</code></pre>")
    assert code.text == "\n".join(lines)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<ul><li>10 AM to 8 PM</li></ul>", "10 AM to 8 PM"), ("<ul><li>a</li><li>b</li></ul>", "a; b"),
        ("<pre>x = 1</pre>", "`x = 1`"), ("<code>x</code> y", "`x` y"), ("a|b", "a\\|b"), ("a<br>b", "a b"),
        ("<p>a</p><p>b</p>", "a b"), ("<h4>a</h4>", "a"), ("10<sup>3</sup>", "10^3"), ("<img alt=x>", ""),
    ],
)  # fmt: skip
def test_what_cells_hold(cell: str, text: str) -> None:
    table = markdown(f"<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Monday</td><td>{cell}</td></tr></table>")
    assert table == f"| Day | Hours |\n| --- | --- |\n| Monday | {text} |"


def test_wide_and_high_cells_keep_the_columns() -> None:
    html = "<table><tr><th colspan=2>a<th>b<tr><td rowspan=2>c<td>d<td>e<tr><td>f<td>g</table>"
    assert markdown(html) == "| a |  | b |\n| --- | --- | --- |\n| c | d | e |\n|  | f | g |"


def test_lines_of_code_in_a_cell_stay_lines() -> None:
    html = "<table><tr><th>How<tr><td><pre>a\n  b</pre><td>x</table>"
    assert "```\na\n  b\n```" in markdown(html)


def test_ruby_and_quotations() -> None:
    assert (
        markdown("<p><ruby>漢<rt>kan</rt></ruby> <ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby></p>")
        == "漢(kan) 字(ji)"
    )
    assert markdown("<p>he said <q>yes</q></p>") == 'he said "yes"'


WORDS = st.text("abcdefgh", min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    WORDS.map(lambda word: f" {word} "),
    lambda inner: st.tuples(
        st.sampled_from(["p", "div", "ul", "li", "ol", "h1", "h3", "blockquote", "span", "b", "a", "em", "table", "td", "section", "dl", "dd", "figure", "center"]),
        st.lists(inner, min_size=1, max_size=4)
    ).map(lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"),
    max_leaves=20,
))  # fmt: skip
def test_no_word_is_lost_or_doubled_in_any_markup(html: str) -> None:
    tree = parse(html)
    words = " ".join(tree.itertext()).split()
    assert " ".join(block.text for block in blocks(tree)).replace(";", " ").split() == words
