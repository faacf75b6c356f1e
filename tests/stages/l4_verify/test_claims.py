"""Claims, what they rest on, and where they turn it around."""

import pytest

from stages.l4_verify.claims import claims, sentences

SOURCE = {
    "en": "The bridge was closed to heavy lorries in spring. It was never painted. “We shall repair it soon,” the "
    "mayor wrote.",
    "de": "Die Brücke wurde im Frühjahr für schwere Lastwagen gesperrt. Sie wurde niemals gestrichen. "
    "Der Verkehr stieg danach.",
    "fr": "Le pont a été fermé aux camions lourds au printemps. Il n'a jamais été repeint. "
    "Le trafic a ensuite augmenté.",
    "zh": "大桥在春天对重型卡车关闭。它从未重新粉刷。随后交通流量增加。",
}


def defects(text: str, language: str) -> list[str]:
    return [one.defect for one in claims(text, SOURCE[language])]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "In spring the bridge was closed to heavy lorries."), ("en", "The bridge was never painted."),
        ("en", "Was it not closed?"), ("en", "The mayor wrote: \"We shall repair it soon\"."),
        ("en", "Not only was the bridge closed to heavy lorries in spring."),
        ("de", "Im Frühjahr wurde die Brücke für schwere Lastwagen gesperrt."), ("de", "Gestrichen wurde sie niemals."),
        ("fr", "Au printemps, le pont a été fermé aux camions lourds."), ("fr", "Il n'a jamais été repeint."),
        ("zh", "春天，大桥对重型卡车关闭。"), ("zh", "大桥从未重新粉刷。"),
    ],
)  # fmt: skip
def test_what_the_source_says_in_other_words_has_no_defect(language: str, text: str):
    assert set(defects(text, language)) <= {""}


@pytest.mark.parametrize(
    ("language", "text", "defect"),
    [
        ("en", "In spring the bridge was not closed to heavy lorries.", "negation_changed"),
        ("en", "It was painted.", "negation_changed"),
        ("en", "“We shall not repair it soon,” the mayor "
    "wrote.", "quote_changed"),
        ("en", "Famous painters exhibit watercolours inside museums.", "unsupported_claim"),
        ("de", "Die Brücke wurde im Frühjahr nicht für schwere Lastwagen gesperrt.", "negation_changed"),
        ("de", "Danach sank der Verkehr.", "comparison_flipped"),
        ("fr", "Le pont n'a pas été fermé aux camions lourds au printemps.", "negation_changed"),
        ("fr", "Le trafic a ensuite diminué.", "comparison_flipped"),
        ("zh", "大桥在春天没有对重型卡车关闭。", "negation_changed"),
        ("zh", "随后交通流量减少。", "comparison_flipped"),
    ],
)  # fmt: skip
def test_what_turns_the_source_around_is_found(language: str, text: str, defect: str):
    assert defects(text, language) == [defect]


def test_each_claim_names_the_sentence_it_rests_on():
    (claim,) = claims("Answer: It was never painted.", SOURCE["en"])
    assert claim.span is not None
    assert SOURCE["en"][slice(*claim.span)] == "It was never painted."
    assert (claim.text, claim.score, claim.support) == ("It was never painted.", 1.0, 1.0)


def test_sentences_end_where_they_do():
    text = "Dr. Smith came at 3.14 today. He left!\nEnd"
    assert [one.text for one in sentences(text)] == ["Dr. Smith came at 3.14 today.", "He left!", "End"]
    assert all(text[one.start :].startswith(one.text) for one in sentences(text))


def test_the_day_of_a_date_ends_no_sentence():
    assert [one.text for one in sentences("Am 9. Februar fiel Schnee. Er blieb.")] == [
        "Am 9. Februar fiel Schnee.",
        "Er blieb.",
    ]
