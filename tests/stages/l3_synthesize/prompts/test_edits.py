"""Edit programs: applied exactly as written or refused with the reason, and nothing else of the page changes."""

import pytest

from pipeline.steps import Reply
from stages.l3_synthesize.output_checks import reason_to_refuse
from stages.l3_synthesize.prompts.edits import Edits
from stages.l3_synthesize.prompts.prompt import find_prompt

PAGE = "Menu | Login\n\nAarau lies on the Aare, on the Aare.\n  It has a market.\n\n\nAll rights reserved\n"
FORM = Edits()


def test_lines_are_numbered_and_blank_ones_are_not():
    assert FORM.show(PAGE).split("\n") == [
        "1: Menu | Login", "", "2: Aarau lies on the Aare, on the Aare.", "3:   It has a market.", "", "",
        "4: All rights reserved",
    ]  # fmt: skip
    assert FORM.show(PAGE) in find_prompt("edit").messages(PAGE)[1][1]


def test_blank_lines_and_indents_that_nobody_named_are_kept():
    assert FORM.read("delete 1\ndelete 4", PAGE) == "Aarau lies on the Aare, on the Aare.\n  It has a market."
    assert FORM.read("delete 2-3", PAGE) == "Menu | Login\n\n\n\nAll rights reserved"


def test_numbers_are_those_that_were_shown_whatever_comes_first():
    program = ["delete 1", 'replace 2 "Aarau lies" -> "The town lies"', 'replace 2 ", on the Aare." -> "."', "delete 4"]
    edited = "The town lies on the Aare.\n  It has a market."
    assert FORM.read("\n".join(program), PAGE) == FORM.read("\n".join(reversed(program)), PAGE) == edited


def test_strings_are_json_and_never_code_or_patterns():
    page = 'He said "a\\b" (.*) $1.\nOn.\nAnd on.'
    assert FORM.read('replace 1 "\\"a\\\\b\\"" -> "\\\\1"', page) == "He said \\1 (.*) $1.\nOn.\nAnd on."
    assert FORM.read('replace 1 "(.*)" -> "__import__"', page).startswith('He said "a\\b" __import__ $1.')
    assert FORM.read('replace 3 "And " -> ""', page).endswith("\non.")


@pytest.mark.parametrize(
    ("program", "reason", "value"),
    [
        ("", "edit_none", None),
        ("keep", "edit_kept", None),
        ("keep\ndelete 1", "edit_keep_and_more", None),
        ("delete 1\nThen remove the footer.", "edit_unreadable", 2),
        ("delete", "edit_unreadable", 1),
        ("delete 1; delete 2", "edit_unreadable", 1),
        ("replace 2 'Aarau' -> 'A'", "edit_unreadable", 1),
        ('replace 2 "\\q" -> "A"', "edit_unreadable", 1),
        ("```\ndelete 1\n```", "edit_unreadable", 1),
        ("delete 0", "edit_bad_line", 0),
        ("delete 4-5", "edit_bad_line", 5),
        ("delete 3-2", "edit_bad_line", 2),
        ('replace 9 "a" -> "b"', "edit_bad_line", 9),
        ("delete 1\ndelete 1", "edit_twice", 1),
        ("delete 1-3\ndelete 3", "edit_twice", 3),
        ('delete 2\nreplace 2 "Aarau" -> "A"', "edit_twice", 2),
        ('replace 2 "Olten" -> "A"', "edit_target_missing", 2),
        ('replace 2 "" -> "A"', "edit_target_missing", 2),
        ('replace 2 "on the Aare" -> "there"', "edit_target_repeated", 2),
        ('replace 2 "Aarau" -> "Aarau"', "edit_no_change", 2),
        ('replace 2 "Aarau lies" -> "A"\nreplace 2 "lies on the Aare," -> "B"', "edit_overlap", 2),
        ('replace 2 "Aarau" -> "A"\nreplace 2 "Aarau" -> "A"', "edit_looping", 2),
        ("delete 1-4", "edit_removes_all", 1.0),
    ],
)
def test_each_outcome_has_its_own_reason(program: str, reason: str, value: float | None):
    found = FORM.read(program, PAGE)
    assert (found, found.value) == (reason, value)


def test_overlapping_occurrences_of_a_target_are_two():
    assert FORM.read('replace 1 "aa" -> "b"', "aaa\nc\nd") == "edit_target_repeated"


def test_a_control_token_that_the_edits_left_in_the_page_is_a_leak():
    page = PAGE.replace("It has", "<|im_end|> It has")
    prompt = find_prompt("edit")
    reply = Reply("k", "delete 1\ndelete 4", "stop", 9, 9)
    assert reason_to_refuse(prompt, page, reply, prompt.read(reply.text, page)) == "role_leak"
    assert reason_to_refuse(prompt, PAGE, reply, prompt.read(reply.text, PAGE)) is None
