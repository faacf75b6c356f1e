"""The way a page is read: by its blocks, by trafilatura, or by what it says in JSON-LD."""

import json

import pytest

from stages.l0_collect.extract import main_text as module
from stages.l0_collect.extract.main_text import json_ld, main_text
from stages.l0_collect.extract.tree import parse

PROSE = "The ferry crosses the bay four times a day, and in the summer it also carries bicycles and small boats. "
ARTICLE = f"<html><body><article><h1>Ferry</h1><p>{PROSE}</p><ul><li>{PROSE}</li></ul><p>{PROSE * 2}</p></article>"


def script(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def test_blocks_are_the_usual_way_and_make_markdown() -> None:
    text, way, sure = main_text(parse(ARTICLE), ARTICLE, "Ferry")
    assert way == "blocks"
    assert f"\n\n- {PROSE.strip()}\n\n" in text
    assert sure > module.SURE


def test_where_the_model_is_not_sure_trafilatura_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 1.1)
    text, way, _ = main_text(parse(ARTICLE), ARTICLE, "Ferry")
    assert way == "trafilatura"
    assert "four times a day" in text


def test_what_trafilatura_chooses_keeps_its_signs_and_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 1.1)
    html = (
        "<html><body><nav><a href=/>Home</a></nav><article><p>\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 "
        f"and 10<sup>13</sup> of them. {PROSE}</p><pre>if x:\n    y\n\n    z</pre><p>{PROSE}</p></article></html>"
    )
    text, way, _ = main_text(parse(html), html, "Ferry")
    assert way == "trafilatura"
    assert "\u0645\u06cc\u200c\u062e" in text
    assert "10^13" in text
    assert "```\nif x:\n    y\n\n    z\n```" in text
    assert "Home" not in text


def test_a_short_line_is_not_taken_for_another_text_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 1.1)
    monkeypatch.setattr(module, "_trafilatura", lambda tree: f"The sea\n\n{PROSE}")
    html = f"<p>Sea</p><p>boats</p><p>The sea</p><p>{PROSE}</p>"
    assert main_text(parse(html), html, "")[0] == f"The sea\n\n{PROSE.strip()}"


def test_trafilatura_does_not_read_what_would_take_it_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 1.1)
    monkeypatch.setattr(module, "MANY_BLOCKS", 3)
    assert main_text(parse(ARTICLE), ARTICLE, "Ferry")[1] == "blocks"


def test_where_trafilatura_finds_nothing_the_blocks_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE", 1.1)
    monkeypatch.setattr(module, "_trafilatura", lambda tree: "")
    assert main_text(parse(ARTICLE), ARTICLE, "Ferry")[1] == "blocks"


def test_a_page_made_by_scripts_is_read_from_its_json_ld() -> None:
    html = script({"@graph": [{"@type": "Article", "articleBody": PROSE * 3}]}) + "<div id=app>Loading</div>"
    text, way, _ = main_text(parse(html), html, "")
    assert (way, text) == ("json_ld", (PROSE * 3).strip())


def test_json_ld_is_not_read_where_the_page_has_words_or_the_data_few() -> None:
    for html in (script({"articleBody": PROSE * 9}) + ARTICLE, script({"description": "Ferry times"}) + "<p>Wait</p>"):
        assert main_text(parse(html), html, "")[1] != "json_ld"


def test_json_ld_of_any_shape() -> None:
    data = [{"text": "One two"}, {"mainEntity": {"acceptedAnswer": [{"text": "three\n four"}, {"text": "One two"}]}}, 5]
    assert json_ld(parse(script(data))) == "One two\n\nthree four"
    deep: object = {"text": "One two"}
    for _ in range(30):
        deep = {"hasPart": deep}
    assert json_ld(parse(script(deep))) == ""
    assert json_ld(parse('<script type="application/ld+json">{"text": "One</script>')) == ""
    assert json_ld(parse('<script type="application/ld+json">' + "[" * 100000 + "</script>")) == ""
