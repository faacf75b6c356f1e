"""Numbers about blocks: each by a page on which it can be read off."""

import numpy as np
import pytest

from stages.l0_collect.extract.blocks import blocks
from stages.l0_collect.extract.features import PAGE_FEATURES, Odds, Outline, feature_names, features, outline
from stages.l0_collect.extract.tree import parse

PAGE = """<html><head><title>Ferry times</title><meta property="og:type" content="article"></head><body>
<nav class="topNav"><ul><li><a href="/">Home</a></li><li><a href="/all">All</a></li></ul></nav>
<main><h1>Ferry times</h1><p>The ferry crosses the bay, as ever, four times a day in 2024.</p>
<p>Tickets cost $ 12 each.</p><div class="card">One</div><div class="card">Two</div><div class="card">Two</div></main>
</body></html>"""
NO_ODDS = Odds({}, {})


def look(html: str) -> tuple[Outline, list[str]]:
    tree = parse(html)
    found = blocks(tree)
    return outline(found, html, tree.findtext(".//title") or "", ""), [block.text for block in found]


def column(html: str, name: str, odds: Odds = NO_ODDS) -> dict[str, float]:
    page, texts = look(html)
    values = features(page, odds)[:, feature_names().index(name)]
    return dict(zip([text.split()[0] for text in texts], values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("heading", "Ferry", 1), ("heading", "The", 0), ("level", "Ferry", 1), ("list_item", "Home", 1),
        ("words", "The", 13), ("characters", "Home", 4), ("links", "Home", 1), ("links", "The", 0),
        ("ends", "The", 1), ("commas", "The", 2), ("is_ended", "The", 1), ("is_ended", "Home", 0),
        ("has_price", "Tickets", 1), ("has_price", "The", 0), ("has_year", "The", 1), ("has_year", "Tickets", 0),
        ("repeats", "Two", 2), ("repeats", "One", 1), ("is_title", "Ferry", 1), ("is_title", "The", 0),
        ("at", "Home", 0), ("words_before", "Home", 0), ("alike", "One", 3), ("alike", "The", 2),
        ("blocks_1_up", "One", 6), ("paragraph_words_1_up", "Home", 0), ("before_1_up", "The", 1),
        ("words_at_-1", "All", 1), ("words_at_-1", "Home", -1), ("words_at_+1", "Ferry", 13),
        ("is_sibling_at_+1", "The", 1), ("page_schema_article", "Home", 1), ("page_schema_product", "Home", 0),
    ],
)  # fmt: skip
def test_a_feature(name: str, word: str, value: float) -> None:
    assert column(PAGE, name)[word] == pytest.approx(value)


def test_a_word_after_the_last_but_one_block_has_no_neighbour_behind() -> None:
    assert column(PAGE, "words_at_+1")["Two"] == -1


def test_names_and_words_count_by_their_odds() -> None:
    odds = Odds({"nav": -300, "<nav>": -200, "card": 100}, {"ferry": 50, "the": -10})
    assert column(PAGE, "odds_path", odds)["Home"] == -500
    assert column(PAGE, "odds_own", odds)["One"] == 200  # lowest and highest of its names are one name
    assert column(PAGE, "odds_words", odds)["The"] == pytest.approx((50 - 10 - 10) / 3)
    assert column(PAGE, "odds_lowest", odds)["The"] == -10
    assert column(PAGE, "odds_words", odds)["Home"] == 0


def test_how_far_up_the_best_element_is() -> None:
    far = column(PAGE, "up_to_best")
    assert far["The"] == 0
    assert far["Home"] > 0


@pytest.mark.parametrize(
    "markup",
    [
        '<script type="application/ld+json">{"@type": "Product"}</script>',
        '<script type="application/ld+json">{"@type": ["Product", "Thing"]}</script>',
        '<div itemscope itemtype="https://schema.org/Product">x</div>',
        '<meta property="og:type" content="product">',
        '<meta content="product" property="og:type">',
    ],
)
def test_what_a_page_says_it_is(markup: str) -> None:
    page, _ = look(markup + "<p>Ferry</p>")
    assert page.page[PAGE_FEATURES.index("schema_product")] == 1
    assert page.page[PAGE_FEATURES.index("schema_article")] == 0


def test_one_column_for_each_name_and_all_finite() -> None:
    for html in (PAGE, "<p>x</p>", "x", "<p>" * 100 + "x"):
        page, texts = look(html)
        found = features(page, NO_ODDS)
        assert found.shape == (len(texts), len(feature_names()))
        assert found.dtype == np.float32
        assert np.isfinite(found).all()


def test_elements_come_after_those_above_them() -> None:
    page, _ = look(PAGE)
    assert all(above < number for number, above in enumerate(page.parent) if number)
    assert page.parent[0] == 0
