from stages.l3_synthesize.engines.engine import TemplateEngine
from stages.l3_synthesize.passage import passage


def words(text: str, number: int) -> int:
    """Characters of the first so many words."""
    return TemplateEngine().first_tokens(text, number)


def test_a_short_document_is_shown_whole():
    assert passage("  One two. Three  ", 5, words) == "One two. Three"


def test_a_long_one_is_cut_at_the_last_sentence_that_fits():
    text = "One two three. Four 5.5 six! Seven\neight nine ten"
    assert passage(text, 6, words) == "One two three. Four 5.5 six!"
    assert passage(text, 7, words) == "One two three. Four 5.5 six! Seven"


def test_a_line_of_25000_characters_without_a_full_stop_gives_nothing():
    counted = []

    def count(text: str, number: int) -> int:
        counted.append(len(text))
        return words(text, number)

    assert passage("word " * 5000, 300, count) == ""
    assert max(counted, default=0) <= 12 * 300  # and is never tokenised whole


def test_chinese_sentences_end_without_a_space():
    came, left = "\u6211\u6765\u3002", "\u4f60\u53bb\u3002"
    assert passage(came + left + "\u4ed6\u4e5f\u53bb", 6, lambda text, number: min(len(text), number)) == came + left
