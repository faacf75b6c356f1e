"""What positions in quarantine call a file."""

from pipeline.steps import Unit, distinct_names


def test_a_file_is_named_by_as_much_of_its_path_as_tells_it_from_the_others():
    paths = ["/in/x/p.jsonl", "/in/y/p.jsonl", "/in/y/q.jsonl", "p.jsonl", "hf://datasets/a/b/r.jsonl"]
    assert distinct_names(paths) == {
        "/in/x/p.jsonl": "x/p.jsonl",
        "/in/y/p.jsonl": "y/p.jsonl",
        "/in/y/q.jsonl": "q.jsonl",
        "p.jsonl": "p.jsonl",
        "hf://datasets/a/b/r.jsonl": "r.jsonl",
    }
    assert distinct_names(["/a/b/c", "/x/b/c"]) == {"/a/b/c": "a/b/c", "/x/b/c": "x/b/c"}


def test_a_unit_of_no_plan_is_named_by_the_last_part_of_its_path():
    assert (Unit("hf://datasets/a/b/r.jsonl", "").shown, Unit("in/a", "", name="x/a").shown) == ("r.jsonl", "x/a")
