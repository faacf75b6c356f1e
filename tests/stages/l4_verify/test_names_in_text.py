import pytest

from stages.l4_verify.names_in_text import names, words


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("The mayor met Jane Baker in Paris.", ["Jane Baker", "Paris"]),
        ("Jane Baker left. Baker came back.", ["Jane Baker"]),  # a single name at an opening is not seen
        ("In Paris, Dr. Jane Baker and J. Smith spoke.", ["Paris", "Jane Baker", "J. Smith"]),
        ("Recently Baker met the FBI. NASA agreed.", ["Baker", "FBI", "NASA"]),
        ("It is in the U.S. The army left on Monday.", ["U.S.", "Monday"]),
        ("Question: What did President Obama say?\nAnswer: He thanked Smith's team.", ["Obama", "Smith's"]),
        ("I think I'm right. Who knows? Why?", []),
        ("Clean water is important.", []),
    ],
)
def test_names_are_capitalised_where_no_sentence_opens(text, items):
    assert [fact.item for fact in names(text)] == items


def test_a_name_is_found_whatever_its_case_possessive_and_dots():
    source = words("THE U.S. PRESIDENT visited the Smiths\u2019 house in Los Angeles.")
    for text in ("the US", "met Smith", "in Los Angeles"):
        (name,) = names(text)
        assert f" {name.value} " in source
