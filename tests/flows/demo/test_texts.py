"""What the demo web is made of: pinned packages, and articles that a person would call what they are called."""

from importlib import metadata
from pathlib import Path

import pytest

from flows.demo import texts
from flows.demo.texts import CHANGE_LOGS, LICENCES, MODULES, PARAGRAPH_WORDS, read_articles, read_licences

DOCSTRING = """Return the river that flows past a town.

    x = 1

- an item

The river carries water and stones from the mountains to the sea, and in spring it carries more of them than in the
whole rest of the year together.

Parameters
----------
town : str
    Name of the `town`.
year : int, optional
    This one takes so long to say that it explains, which is why it is left out of what merely lists, as a person would
    who had to say of a page whether it explains something or lists what there is.
"""


def test_every_package_is_in_the_lock() -> None:
    lock = (Path(__file__).parents[3] / "requirements.lock").read_text().lower()
    for name in (*LICENCES, *CHANGE_LOGS, *(module.partition("/")[0] for module in MODULES)):
        assert f"\n{name.lower()}==" in lock, f"{name} is not in requirements.lock"


def test_sentences_explain_and_code_lists_and_headings_do_not() -> None:
    [found] = texts._prose(DOCSTRING)
    assert found.startswith("The river carries water and stones from the mountains to the sea, and in spring")


def test_first_lines_and_short_parameters_list() -> None:
    assert list(texts._reference(DOCSTRING)) == [
        "Return the river that flows past a town.",
        "town: Name of the town.",
    ]


def test_a_change_log_is_its_versions() -> None:
    log = "Read me.\n- no change\n\n2.1.0 (2026-01-02)\n-----\n\n- Faster,\n  by far (#12).\n\n## v2.0\n* New.\n"
    sections = [section for section in texts._changes(log) if section.entries]
    assert [(section.heading, section.entries) for section in sections] == [
        ("2.1.0", ("Faster, by far.",)),
        ("v2.0", ("New.",)),
    ]


def test_what_is_mostly_signs_or_was_there_before_is_left_out() -> None:
    sections = [texts.Section("a", ("some words", "f(x, y)[0] = {1: 2}")), texts.Section("b", ("some words",))]
    assert texts._fresh(sections, set()) == (texts.Section("a", ("some words",)),)


@pytest.mark.slow
def test_the_articles_of_this_environment() -> None:
    articles = read_articles()
    paragraphs = [paragraph for article in articles for paragraph in article.paragraphs]
    assert len(paragraphs) == len(set(paragraphs))
    for article in articles:
        shortest, longest = (extreme(len(one.split()) for one in article.paragraphs) for extreme in (min, max))
        # The name of a parameter comes on top of its entry.
        assert shortest >= PARAGRAPH_WORDS if article.kind == "explains" else longest <= PARAGRAPH_WORDS + 10
    assert {article.kind for article in articles if article.package == "scipy"} == {"explains", "lists"}
    assert len(read_licences()) >= 32  # what the default number of pages needs
    assert metadata.version("nltk")
