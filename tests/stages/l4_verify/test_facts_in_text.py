import pytest

from stages.l4_verify.facts_in_text import names, numbers, words


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234 people and 1234 horses", ["1234", "1234"]),
        ("12.50 or 12.5 or 1.234", ["12.5", "12.5", "1.234"]),
        ("$3.5 million, 3,500,000, two thousand, 20 hundred", ["3500000", "3500000", "2000", "2000"]),
        ("5%, 5 %, 5 percent, five per cent, 5", ["5%", "5%", "5%", "5%", "5"]),
        ("twelve, twenty-one, 21st, the twelfth, thirty third", ["12", "21", "21", "12", "33"]),
        ("the 1990s and 1990", ["1990", "1990"]),
        ("10:30 on 2014-06-09, 10km", ["10", "30", "2014", "06", "09", "10"]),
        ("One of them was first for a second; one hundred came", ["100"]),
        ("1. Wash.\n2) Dry 3 times.\n 12. Iron.", ["3"]),
        ("B12, H2O, v2 and someone often weighed anything", []),
    ],
)
def test_numbers_in_comparable_form(text, values):
    assert [fact.value for fact in numbers(text)] == [value.lstrip("0") for value in values]


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
