"""Bounds on words mean the same where words are not parted by spaces."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l3_synthesize.words import count_words, ngram_size, numbers, units

CHINESE = "北京是中华人民共和国的首都，也是全国的政治中心。"  # 22 characters
THAI = "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"


def test_words_are_parted_by_spaces_or_estimated_by_characters():
    assert count_words("In 1251, the town's bridge was built.") == 7
    assert count_words(CHINESE) == round(22 / 1.6)
    assert count_words(THAI) == round(len(THAI) / 4.5)
    assert count_words("iPhone 手机很贵") == round(1 + 5 / 1.6)
    assert count_words("") == count_words(" … ") == 0


def test_units_are_words_or_characters():
    assert units("The Town\u2019s 东京") == ["the", "town\u2019s", "东", "京"]


def test_an_ngram_is_as_long_in_every_script():
    assert ngram_size("some English words", 5) == 5
    assert ngram_size(CHINESE, 5) == 8
    assert ngram_size("", 5) == 5


@settings(deadline=None)  # the first example compiles
@given(st.text(max_size=40) | st.text(alphabet="aÉİΣſ_1'\u2019\u0301 東กA\u0e3f\u30fb", max_size=20))
def test_the_compiled_loop_reads_the_units_of_the_pattern(text):
    found, lengths = numbers(text)
    assert lengths.tolist() == [len(one) for one in units(text)]
    assert len(set(found.tolist())) == len(set(units(text)))
