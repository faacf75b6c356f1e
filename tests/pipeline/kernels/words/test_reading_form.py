"""What a language model gets to read, against the same in plain Python."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.words.reading_form import reading_form

GAPS = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code))[0] == "Z"] + ["\x85", "\u200b"]
HIDDEN = ["\u00ad", "\u2060", "\ufeff"]
APART = re.compile("[\u0300-\u036f\u1100-\u11ff\uff21-\uff5a]")


def plain(text: str) -> str:
    kinds = [unicodedata.category(sign) for sign in text if sign <= "\uffff"]
    capitals, small = sum(kind in ("Lu", "Lt") for kind in kinds), kinds.count("Ll")
    is_apart = APART.search(text)
    text = "".join(" " if sign in GAPS else "" if sign in HIDDEN else sign for sign in text)
    text = unicodedata.normalize("NFKC", text) if is_apart else text
    return text.lower() if capitals > small else text


def read(*texts: str | None) -> list[str | None]:
    return reading_form(pa.array(texts, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The\u00a0old\u3000town\u202fis\u2009here", "The old town is here"),
        ("Donau\u00addampf\u2060schiff\ufeff", "Donaudampfschiff"),
        ("THE OLD TOWN", "the old town"),
        ("ПО-РУССКИ, ΕΛΛΗΝΙΚΆ", "по-русски, ελληνικά"),
        ("THE\u00a0OLD TOWN", "the old town"),
        ("The NATO und die UNO", "The NATO und die UNO"),
        ("Ab", "Ab"),
        ("ABc", "abc"),
        ("12 345 !", "12 345 !"),
        ("Zwei\nZeilen\tTab", "Zwei\nZeilen\tTab"),
        ("中文　漢字", "中文 漢字"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Ce\u0301le\u0300bre e\u0302tre", "Célèbre être"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("Ｔｈｅ　ｏｌｄ　ｔｏｗｎ", "The old town"),
        ("25 m² ﬁne", "25 m² ﬁne"),
        ("", ""),
        (None, None),
    ],
)
def test_form(text: str | None, form: str | None) -> None:
    assert read("before", text, "AFTER") == ["before", form, "after"]


def test_what_needs_no_edit_is_the_same_array() -> None:
    texts = pa.array(["nothing", None, "to do"])
    assert reading_form(texts) is texts
    assert reading_form(texts[:0]).to_pylist() == []


def test_slices() -> None:
    assert reading_form(pa.array(["A\u00a0B", "C\u00a0D", "e"])[1:]).to_pylist() == ["c d", "e"]


@settings(max_examples=200)
@given(st.lists(st.text(st.sampled_from([*"aBÇßǅπЖ漢1 .\n\U00010400", *GAPS, *HIDDEN]), max_size=30), max_size=4))
def test_as_in_plain_python(texts: list[str]) -> None:
    assert read(*texts) == [plain(text) for text in texts]
