"""Filters by language: each document by the parameters of its own, from files that count like the recipe itself."""

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.books.fingerprint import recipe_id
from pipeline.rows.batch import Batch
from stages.l1_filter import by_language
from stages.l1_filter.by_language import ByLanguage, load_language
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l1_filter.language import Language

CODES = ("en", "de", "fr", "zh")
STEPS: tuple[type[ByLanguage], ...] = (GopherRepetition, FineWebQuality, GopherQuality)
ENGLISH = """The committee that was asked to look at the rivers of the county has now published its report.
It says that most of them have become cleaner since the mills were closed, and that fish are coming back with every
spring. What is still missing, according to the authors, is a plan for the three reservoirs in the north."""
GERMAN = """Der Ausschuss, der sich mit den Flüssen des Landkreises befassen sollte, hat seinen Bericht vorgelegt.
Die meisten sind seit der Stilllegung der Mühlen sauberer geworden, und mit jedem Jahr kehren mehr Fische in das Wasser
zurück. Was nach Ansicht der Verfasserinnen weiterhin fehlt, ist eine Wasserbewirtschaftungsvereinbarung für die drei
Talsperren, die von der Bezirkshauptmannschaft als Trinkwasserreserve vorgesehen wurde."""
FRENCH = """La commission chargée d'étudier les rivières du département a publié son rapport au printemps.
La plupart sont devenues plus propres depuis la fermeture des moulins, et les poissons reviennent chaque année dans une
eau claire. Il manque encore, selon les auteurs, un plan pour les trois réservoirs qui alimentent la ville en eau et que
le conseil avait promis de rénover."""
CHINESE = """受托调查本县河流的委员会在今年春天发表了报告。报告说，自从磨坊关闭以后，大多数河流已经变得干净，鱼也一年比一年多。
作者认为，现在还没有的是一个关于北部三座水库的计划，而这些水库是城里的人喝水的地方，也是两年以前被列为重点的工程。
县政府表示，将在十月之前和居民商量，由专家提出办法，再为每一座水库定下修理的日子。"""  # noqa: E501
PROSE = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "zh": CHINESE}


def batch(*rows: tuple[str, str | None]) -> Batch:
    texts, languages = zip(*rows, strict=True)
    return Batch(pa.RecordBatch.from_pydict({"text": texts, "language": pa.array(languages, pa.string())}))


def reasons(step: ByLanguage, rows: Batch) -> list[str | None]:
    judgement = step.judge(rows)
    return [judgement.rules[rule] if rule >= 0 else None for rule in judgement.rule]


def chain(rows: Batch, codes: tuple[str, ...]) -> list[str | None]:
    """Per row the first reason of the three filters, or None."""
    found = [reasons(step(languages=codes), rows) for step in STEPS]
    return [next(filter(None, row), None) for row in zip(*found, strict=True)]


def test_prose_of_each_language_is_kept():
    rows = batch(*((text, code) for code, text in PROSE.items()))
    assert chain(rows, CODES) == [None] * 4
    assert chain(rows, ()) == [
        None,
        "words_too_long" if False else "too_few_stop_words",
        "too_few_stop_words",
        "top_2_gram",
    ]


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (ENGLISH, "de", "too_few_stop_words"),
        (GERMAN, "fr", "too_few_stop_words"),
        (f"{FRENCH} {ENGLISH}", "zh", "words_too_long"),
        (" ".join(GERMAN.split()[:40]), "de", "too_few_words"),
        (FRENCH + " 1 22 333 4444 55 6 77 88 99 101 202 303 404 505 606 707 808", "fr", "too_few_alphabetic_words"),
        (CHINESE[:70], "zh", "too_few_words"),
        (CHINESE + "请点击这里。" * 20, "zh", "top_3_gram"),
        ("\n".join(["家电 手机 电脑 相机 空调 冰箱"] * 4 + ["服装 鞋帽 箱包 珠宝 钟表"]), "zh", "duplicate_lines"),
        (CHINESE.replace("。", "").replace("，", "\n"), "zh", "line_punctuation"),
        ("\n".join(GERMAN.split()), "de", "too_many_newlines"),
    ],
)  # fmt: skip
def test_what_is_no_prose_of_its_language_goes(text: str, code: str, reason: str):
    assert chain(batch((text, code)), CODES) == [reason]


def test_rows_of_other_languages_are_dropped_and_say_so():
    rows = batch((ENGLISH, "en"), (GERMAN, "de"), (ENGLISH, None), (ENGLISH, "xx"))
    assert reasons(GopherQuality(languages=("en",)), rows) == [None, "no_parameters", "no_parameters", "no_parameters"]


def test_values_and_thresholds_are_those_of_the_language():
    short = [(" ".join(ENGLISH.split()[:20]), "en"), (CHINESE[:24], "zh")]
    judgement = GopherQuality(languages=CODES).judge(batch(*short))
    assert judgement.threshold.tolist() == [50, 81]
    assert judgement.value.tolist() == [20, 23]  # the Chinese full stop is no word


@pytest.mark.parametrize("step", STEPS)
def test_signals_are_measured_for_every_row(step: type[ByLanguage]):
    rows = batch((CHINESE, "zh"), (ENGLISH, "xx"), (ENGLISH, "en"))
    signals = step(languages=CODES, keep_signals=True).process(rows).batch
    alone = {
        0: step(languages=CODES, keep_signals=True).process(batch((CHINESE, "zh"))).batch,
        2: step(keep_signals=True).process(batch((ENGLISH, "en"))).batch,
    }
    for name in signals.rows.schema.names[2:]:
        values = signals.column(name).to_pylist()
        assert np.isnan(values[1])
        assert all(values[row] == one.column(name)[0].as_py() for row, one in alone.items())


def test_what_is_derived_follows_the_rows():
    rows = batch(*((text, code) for text in (CHINESE, ENGLISH, GERMAN) for code in ("zh", "en", "de")), (ENGLISH, None))
    step = GopherQuality(languages=CODES)
    step.judge(rows)
    keep = np.array([True, False, True, True, False, True, False, True, True, True])
    left = rows.filter(keep).filter(np.array([True, True, False, True, True, True, True]))
    assert left._derived
    assert reasons(step, left) == reasons(step, Batch(left.rows))
    other = left.with_column(pa.field("language", pa.string()), pa.array(["en"] * 6))
    assert reasons(step, other) == reasons(step, Batch(other.rows))


def test_the_recipe_wins_over_the_file():
    step = GopherQuality(languages=CODES, min_doc_words=10, stop_words=("und",))
    assert {one.min_doc_words for one in step.by_language.values()} == {10}
    assert {one.stop_words for one in step.by_language.values()} == {("und",)}
    assert step.by_language["de"].max_avg_word_length == 15
    assert step.by_language["zh"].words == "characters"


@pytest.mark.parametrize("step", STEPS)
def test_english_parameters_are_the_defaults(step: type[ByLanguage]):
    assert step(languages=("en",)).by_language["en"] == step()


def test_an_edited_file_is_another_recipe(tmp_path: Path):
    file, before = tmp_path / "it.yaml", []
    for minimum in (40, 45):
        load_language.cache_clear()
        file.write_text(f"language: {{minimum: 0.{minimum}}}\ngopher_quality: {{min_doc_words: {minimum}}}\n")
        steps = (Language(languages=(str(file),)), GopherQuality(languages=(str(file),)))
        assert list(steps[1].by_language) == ["it"]
        assert steps[0].kept == ("it",)
        assert str(tmp_path) not in json.dumps([step.identity() for step in steps])
        before.append([recipe_id("l1_filter", [], [step]) for step in steps])
    assert before[0][0] != before[1][0]
    assert before[0][1] != before[1][1]


def test_workers_need_no_files(tmp_path: Path):
    file = tmp_path / "it.yaml"
    file.write_text("language: {minimum: 0.4}\ngopher_quality: {min_doc_words: 40}\n")
    load_language.cache_clear()
    language, quality = Language(languages=(str(file),)), GopherQuality(languages=(str(file),))
    sent = pickle.dumps((language, quality))
    file.unlink()
    load_language.cache_clear()
    language, quality = pickle.loads(sent)
    assert (language.minima, quality.by_language["it"].min_doc_words) == ({"it": 0.4}, 40)


@pytest.mark.parametrize(
    ("entry", "content", "message"),
    [
        ("eng", None, "no parameters for language 'eng', did you mean 'en'.*there are de, en, fr, zh"),
        ("cmn", None, "no parameters for language 'cmn'; there are"),
        ("missing.yaml", None, "'.*missing.yaml' cannot be read"),
        (
            "it.yaml",
            "gopher_quality: {min_words: 3}",
            "gopher_quality for language '.*it.yaml': min_words: Extra inputs",
        ),
        ("it.yaml", "gopher_qualty: {}", "unknown key 'gopher_qualty'; there are words, language"),
        ("it.yaml", "", "is empty"),
    ],
)
def test_a_wrong_language_is_refused(tmp_path: Path, entry: str, content: str | None, message: str):
    load_language.cache_clear()
    if content is not None:
        (tmp_path / entry).write_text(content)
    with pytest.raises(ValidationError, match=message):
        GopherQuality(languages=(str(tmp_path / entry) if entry.endswith(".yaml") else entry,))


@pytest.mark.parametrize("minimum", ["{minimum: 65}", "{minimum: much}", "{min: 0.5}"])
def test_a_wrong_minimum_in_a_file_is_refused(tmp_path: Path, minimum: str):
    load_language.cache_clear()
    (tmp_path / "it.yaml").write_text(f"language: {minimum}")
    with pytest.raises(ValidationError, match=r"`language` is \{.*write \{minimum: 0.65\}, from 0 to 1"):
        Language(languages=(str(tmp_path / "it.yaml"),))


def test_it_needs_the_column():
    with pytest.raises(ValueError, match="gopher_quality by `languages` needs the column 'language'"):
        GopherQuality(languages=("en",)).check_input(pa.schema([("text", pa.string())]))
    GopherQuality().check_input(pa.schema([("text", pa.string())]))


def test_every_file_is_valid_and_named_by_a_code_of_the_language_model():
    codes = tuple(sorted(file.stem for file in by_language.FILES.glob("*.yaml")))
    assert set(CODES) <= set(codes)
    assert Language(languages=codes).minima["zh"] == 0.692
    assert all(step(languages=codes).by_language for step in STEPS)


def test_most_chinese_articles_are_kept(shared_data: Path):
    with gzip.open(shared_data / "wikipedia" / "zh.jsonl.gz", "rt") as file:
        texts = [json.loads(line)["text"] for line, _ in zip(file, range(400), strict=False)]
    kept = chain(batch(*((text, "zh") for text in texts)), CODES).count(None)
    assert kept >= 0.9 * len(texts)
