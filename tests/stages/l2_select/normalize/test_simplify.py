import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l2_select.normalize.simplify import simplify, simplify_all

pytest.importorskip("tokenizers")

from tests.stages.l2_select.helpers import officially_simplified

TEXT = st.text(st.sampled_from("\n\nAΣσa' é\u0301\u302e\u0316\U0001d16dİ™ﷺ한") | st.characters(codec="utf-8"))


@given(texts=st.lists(TEXT))
@settings(max_examples=500, deadline=None)
def test_all_at_once_is_one_by_one(texts: list[str]) -> None:
    assert simplify_all(pa.array(texts, pa.string())).to_pylist() == [officially_simplified(text) for text in texts]


def test_each_step_shows() -> None:
    assert simplify("A\n\n\n\nB\n\nC\n") == "a\n\nb\n\nc\n"
    assert simplify("Été ﬁn ½ ＡＢ") == "ete fin 1⁄2 ab"
    assert simplify("ΟΔΟΣ ΣΑΣ") == "οδος σας"
    assert simplify_all(pa.array(["ΟΔΟΣ", None, "É"])).to_pylist() == ["οδος", "", "e"]


def test_marks_that_stay_are_put_in_order() -> None:
    assert simplify_all(pa.array(["x\u302e\U0001d165", "É"])).to_pylist() == ["x\U0001d165\u302e", "e"]


def test_characters_above_the_table_are_asked_about() -> None:
    assert simplify_all(pa.array(["中\U000e0100文", "𝐀\U000f0000"])).to_pylist() == ["中文", "A\U000f0000"]
