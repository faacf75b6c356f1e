"""The layouts of evaluation sets, each by one line as it is published."""

import gzip
import json

import pytest

from stages.l4_verify.evaluation_sets import NoEvaluationSet, items_of, read_set, set_files


@pytest.mark.parametrize(
    ("row", "texts", "answer"),
    [
        ({"query": "Question: What shines?", "choices": ["sun", "ice"], "gold": 0}, ("What shines?", "sun", "ice"), 1),
        ({"query": "Find x.", "choices": ["1", "2"], "gold": "1"}, ("Find x.", "1", "2"), 2),
        ({"question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"},
         ("Which?", "a", "b"), 2),
        ({"query": "Question: Where is money?\nChoices:\nA. bank\nB. mall\nAnswer:", "choices": ["A", "B"], "gold": 1},
         ("Where is money?", "bank", "mall"), 2),
        ({"question": "How many?", "answer": "2+2=<<2+2=4>>4\n#### 4"}, ("How many?", "2+2=4\n#### 4"), 1),
        ({"prompt": "def f():", "canonical_solution": "    return 1"}, ("def f():", "    return 1"), 1),
        ({"text": "Write a function.", "code": "def f(): pass"}, ("Write a function.", "def f(): pass"), 1),
        ({"context": "He sat beside the", "continuation": "Queen"}, ("He sat beside the", "Queen"), 1),
        ({"context_options": ["So Ann", "So Eve"], "continuation": "won.", "gold": 1}, ("So Eve won.",), 0),
        ({"goal": "Dry it", "sol1": "Sun", "sol2": "Rain", "label": 0}, ("Dry it", "Sun", "Rain"), 1),
        ({"ctx": "A man", "endings": ["sits.", "flies."], "label": "7"}, ("A man", "sits.", "flies."), 0),
    ],
)  # fmt: skip
def test_layouts(row, texts, answer):
    (item,) = items_of("set", 3, row)
    assert (item.texts, item.answer, item.part, item.number) == (texts, answer, "question", 3)


def test_a_passage_is_an_item_of_its_own():
    row = {"query": "Passage: Zero is even.\nQuestion: is zero odd?", "choices": ["no", "yes"], "gold": 0}
    question, passage = items_of("boolq", 0, row)
    assert question.texts == ("is zero odd?", "no", "yes")
    assert (passage.part, passage.texts) == ("passage", ("Zero is even.",))


def test_files_are_named_and_read(tmp_path):
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write(json.dumps({"question": "q", "answer": "a"}) + "\n\n")
    (tmp_path / "b.jsonl").write_text('{"question": "r", "answer": "s"}\n')
    found = set_files((str(tmp_path),))
    assert list(found) == ["a", "b"]
    assert [item.texts for item in read_set("a", found["a"])] == [("q", "a")]
    with pytest.raises(ValueError, match="two files 'b'"):
        set_files((str(tmp_path), str(tmp_path / "b.jsonl")))
    with pytest.raises(ValueError, match="no file and no folder"):
        set_files((str(tmp_path / "none"),))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "line 1: it has none of the keys"), ("[1]", "line 1"), ("no json", "line 1"), ("", "holds no items")],
)
def test_what_is_no_set_says_why(tmp_path, text, reason):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(NoEvaluationSet, match=reason):
        read_set("x", tmp_path / "x.jsonl")
