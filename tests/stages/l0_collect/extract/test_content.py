"""Which blocks are kept: by the F1 to expect, and in order of the page."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Fault
from stages.l0_collect.extract.blocks import Block, blocks
from stages.l0_collect.extract.content import MODEL, best_cut, choose, completed, context, load
from stages.l0_collect.extract.features import Odds, features, outline
from stages.l0_collect.extract.tree import parse

PROSE = "The ferry crosses the bay four times a day, and in the summer it also carries bicycles and small boats."
ARTICLE = f"""<html><head><title>Ferry times</title></head><body>
<nav class="menu"><ul><li><a href="/">Home</a></li><li><a href="/login">Sign in</a></li></ul></nav>
<main><article class="post"><h1>Ferry times</h1><p>{PROSE}</p><p>{PROSE.replace("ferry", "train")}</p>
<ul><li>It starts at seven in the morning, from the old pier.</li><li>It ends at ten, at the new one.</li></ul>
<p>{PROSE.replace("ferry", "bus")}</p></article></main>
<div class="related"><h3>Related stories</h3><a href="/1">Ten boats</a> <a href="/2">Nine bridges</a></div>
<footer class="footer"><p>© 2024 Bay Company. <a href="/privacy">Privacy policy</a></p></footer></body></html>"""


def test_the_article_is_kept_and_what_is_around_it_is_not() -> None:
    found = blocks(parse(ARTICLE))
    kept, expected = choose(found, ARTICLE, "Ferry times")
    text = " ".join(block.text for block, is_kept in zip(found, kept, strict=True) if is_kept)
    assert [vehicle in text for vehicle in ("The ferry", "the train", "the bus")] == [True, False, False]
    assert text.count("carries bicycles") == 3
    assert "old pier" in text
    assert not any(word in text for word in ("Sign in", "Nine bridges", "Privacy"))
    assert 0.7 < expected <= 1


def test_no_blocks() -> None:
    assert choose([], "", "") == ([], 0.0)


def test_a_model_of_other_features_is_refused() -> None:
    page = outline(blocks(parse(ARTICLE)), ARTICLE, "", "")
    with pytest.raises(Fault, match="was trained on 3 features of a block"):
        replace(load(MODEL), columns=3).shares(page)


def test_one_block_is_kept() -> None:
    [block] = blocks(parse(f"<p>{PROSE}</p>"))
    assert choose([block], "", "")[0] == [True]


def test_the_same_page_gives_the_same_choice() -> None:
    choices = [choose(blocks(parse(ARTICLE)), ARTICLE, "Ferry times") for _ in range(2)]
    assert choices[0] == choices[1]


def test_the_cut_weighs_words() -> None:
    kept, expected = best_cut(np.array([0.9, 0.1, 0.6], np.float32), np.array([10, 100, 10], np.float32))
    assert kept.tolist() == [True, False, True]
    assert expected == pytest.approx(2 * 15 / (20 + 25))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 50)), min_size=1, max_size=7))
def test_no_other_choice_promises_more(page: list[tuple[int, int]]) -> None:
    shares, words = (
        np.array(values, np.float32) for values in zip(*[(share / 10, n) for share, n in page], strict=True)
    )
    _, expected = best_cut(shares, words)
    hits = shares.astype(float) * words
    for choice in itertools.product([False, True], repeat=len(page)):
        chosen = np.array(choice)
        if chosen.any():
            promised = 2 * hits[chosen].sum() / (words[chosen].sum() + hits.sum()) if hits.sum() else 0
            assert promised <= expected + 1e-6


def test_context_adds_what_was_said_around() -> None:
    html = "<div><p>a b</p><p>c d</p></div><p>e f</p>"
    found: list[Block] = blocks(parse(html))
    page = outline(found, html, "", "")
    seen = features(page, Odds({}, {}))
    shares = np.array([0.25, 0.75, 0.5], np.float32)
    added = context(seen, shares, page)[:, seen.shape[1] :]
    assert added[:, 0].tolist() == [0.25, 0.75, 0.5]  # the first trees' own word
    assert added[:, 4].tolist() == [-1, 0.25, 0.75]  # the block before
    assert added[:, 5].tolist() == [0.75, 0.5, -1]  # the block behind
    assert added[0, 10] == 0.5  # both paragraphs of the <div>, one step up
    assert np.isfinite(added).all()


def test_tables_and_headings_go_with_the_text_that_they_belong_to():
    kinds = ["heading", "paragraph", "heading", "heading", "paragraph", "table", "paragraph", "code", "list_item"]
    kept = [False, False, False, False, True, False, False, False, True]
    page = [Block(kind, str(at), str(at), parse("<p>apart</p>")) for at, kind in enumerate(kinds)]
    assert completed(page, kept) == [False, False, True, True, True, True, False, True, True]
    assert completed(page[:1], [False]) == [False]
    assert completed([], []) == []


@pytest.mark.parametrize(
    ("html", "kept", "expected"),
    [
        ("<p>one</p><p>and again</p><p>two</p>", "101", "111"),  # within a text
        ("<p>one</p><p>and again</p><p>two</p><p>and again</p>", "1110", "1111"),  # said and kept before
        ("<p>one</p><p>next</p>", "10", "10"),
        ("<p>one</p><p><a href=/>more</a></p><p>two</p>", "101", "101"),
        ("<p>one</p><div><p>an advertisement</p></div><p>two</p>", "101", "101"),
        ("<p>one</p><ul><li>an item</li></ul><p>two</p>", "101", "101"),
        ("<ul><li>one</li><li>an item</li><li>two</li></ul>", "101", "111"),
        ("<p>one</p><p>x</p><p>y</p><p>two</p>", "1001", "1001"),
    ],
)
def test_a_line_stays_where_those_around_it_do(html: str, kept: str, expected: str) -> None:
    page = blocks(parse(f"<body>{html}"))
    assert completed(page, [sign == "1" for sign in kept]) == [sign == "1" for sign in expected]
