"""datatrove's classes as steps: decisions, texts, what is refused when a recipe is read."""

import sys
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.rows.batch import Batch
from stages.l1_filter import datatrove as step_module
from stages.l1_filter.datatrove import Datatrove

pytest.importorskip("datatrove")


def batch(*texts: str | None, **columns: list[str]) -> Batch:
    return Batch(pa.record_batch({"text": pa.array(texts, pa.string()), **columns}))


def rules(step: Datatrove, rows: Batch) -> list[str | None]:
    judgement = step.process(rows).judgement
    assert judgement is not None
    return [None if rule < 0 else judgement.rules[rule] for rule in judgement.rule]


def test_a_filter_drops_with_its_reason() -> None:
    step = Datatrove(filter="GopherQualityFilter", arguments={"min_doc_words": 3, "min_stop_words": None})
    assert rules(step, batch("two words", "here are four words")) == ["gopher_short_doc", None]


def test_a_filter_without_a_reason_gives_its_name() -> None:
    step = Datatrove(filter="RegexFilter", arguments={"regex_exp": "secret"})
    assert rules(step, batch("a secret", "nothing", None)) == ["regex_filter", None, None]


def test_a_filter_may_change_the_text() -> None:
    step = Datatrove(filter="C4QualityFilter", arguments={"filter_no_terminal_punct": False, "min_num_sentences": 1})
    outcome = step.process(batch("Two words\nA line of five words.", "{", "A line that stays."))
    assert outcome.batch.text.to_pylist() == ["A line of five words.", "{", "A line that stays."]
    assert outcome.judgement is not None
    assert outcome.judgement.kept.tolist() == [True, False, True]
    assert outcome.changed == {"c4_quality_filter": 1}


def test_a_formatter_changes_the_text() -> None:
    rows = batch("words\n***\nmore", "words")
    outcome = Datatrove(formatter="SymbolLinesFormatter").process(rows)
    assert outcome.batch.text.to_pylist() == ["words\nmore", "words"]
    assert outcome.changed == {"symbol_lines_formatter": 1}
    untouched = batch("words")
    assert Datatrove(formatter="SymbolLinesFormatter").process(untouched).batch is untouched


def test_no_document_depends_on_the_one_before() -> None:
    outcome = Datatrove(formatter="PIIFormatter").process(batch("a@b.de", "a@b.de"))
    assert outcome.batch.text.to_pylist() == ["email@example.com"] * 2


class Peer:
    """Stands for one of datatrove's filters."""

    def filter(self, document: Any) -> tuple[bool, str]:
        if not document.text:
            raise ArithmeticError("no text")
        return False, f"< 3 Paragraphs {document.id} {sorted(document.metadata.items())}"


def test_it_sees_url_meta_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_module, "make", lambda *_: Peer())
    rows = batch("x", id=["i7"], url=["a.org"], meta=['{"crawl": "c1", "url": "other"}'], language=["en"])
    seen = "i7_crawl_c1_date_language_en_source_url_a_org"
    assert rules(Datatrove(filter="C4QualityFilter"), rows) == [f"3_paragraphs_{seen}"]


def test_a_document_it_fails_on_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_module, "make", lambda *_: Peer())
    outcome = Datatrove(filter="C4QualityFilter").process(batch("x", ""))
    assert outcome.errors == {1: "ArithmeticError: no text"}
    assert outcome.judgement is not None
    assert outcome.judgement.kept.tolist() == [False, True]


def test_a_fault_of_the_surroundings_is_no_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step_module, "make", full)
    with pytest.raises(OSError, match="No space left"):
        Datatrove(filter="C4QualityFilter").process(batch("x"))


def test_a_class_that_lacks_a_package_is_refused_with_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ahocorasick", None)
    with pytest.raises(ValidationError, match=r"URLFilter needs more than datatrove: pip install .*pyahocorasick"):
        Datatrove(filter="URLFilter")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filter": "GopherQualty"}, "there are GopherQualityFilter"),
        ({"filter": "LambdaFilter"}, "cannot run as a step"),
        ({"filter": "SamplerFilter"}, "cannot run as a step"),
        ({"filter": "BaseFilter"}, "is not among datatrove's filters"),
        ({"filter": "PIIFormatter"}, "is not among datatrove's filters"),
        ({"formatter": "os"}, "FTFYFormatter, PIIFormatter, SymbolLinesFormatter"),
        ({"filter": "RegexFilter"}, "missing a required argument: 'regex_exp'"),
        ({"filter": "RegexFilter", "arguments": {"regex": "x"}}, "RegexFilter: .*correct `arguments`"),
        ({}, "give either"),
        ({"filter": "RegexFilter", "formatter": "PIIFormatter"}, "give either"),
    ],
)
def test_refused_when_the_recipe_is_read(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Datatrove.model_validate(settings)


def test_without_the_package_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    step_module.find_class.cache_clear()
    monkeypatch.setitem(sys.modules, "datatrove.pipeline.filters", None)
    with pytest.raises(ValidationError, match=r"pip install 'orefine\[datatrove\]'"):
        Datatrove(filter="RegexFilter", arguments={"regex_exp": "x"})
