"""The recipe id changes with what decides the output, and with nothing else."""

from importlib.metadata import version
from typing import ClassVar

from pipeline.books import code, fingerprint
from pipeline.books.fingerprint import canonical, recipe_id, versions, versions_of
from tests.pipeline.helpers import Lines, MinWords, Shout


def test_parameters_order_and_inputs_count():
    base = recipe_id("l1", ["a"], [MinWords(), Shout()])
    assert base == recipe_id("l1", ["a"], [MinWords(), Shout()])
    assert base != recipe_id("l1", ["a"], [MinWords(minimum=3), Shout()])
    assert base != recipe_id("l1", ["a"], [Shout(), MinWords()])
    assert base != recipe_id("l1", ["b"], [MinWords(), Shout()])
    assert base != recipe_id("l2", ["a"], [MinWords(), Shout()])


class Model(MinWords):
    """A step with a model of which `file` is the hash, from a library."""

    file: ClassVar[str] = "one"

    def assets(self):
        return {"model": self.file}


def test_models_and_their_libraries_count(monkeypatch):
    base = recipe_id("l1", ["a"], [Model()])
    monkeypatch.setattr(Model, "file", "another")
    changed = recipe_id("l1", ["a"], [Model()])
    monkeypatch.setattr(Model, "libraries", ("numpy",))
    assert len({base, changed, recipe_id("l1", ["a"], [Model()])}) == 3


def test_a_library_that_writes_every_level_counts_for_every_level(monkeypatch):
    base = recipe_id("l1", ["a"], [])
    monkeypatch.setattr(fingerprint, "WRITERS", ("pyarrow", "numpy"))
    assert base != recipe_id("l1", ["a"], [])


def test_versions_are_those_installed_by_name():
    assert versions(["numpy"]) == {"numpy": version("numpy"), "pyarrow": version("pyarrow")}
    assert list(versions(["pyyaml", "numpy"])) == ["numpy", "pyarrow", "pyyaml"]


def test_canonical_json_has_one_form():
    assert canonical({"b": 1, "a": ["ü", None]}) == '{"a":["ü",null],"b":1}'
    assert canonical(MinWords()) == '{"kind":"min_words","minimum":2}'


def test_where_files_lie_does_not_count():
    assert recipe_id("l0", ["a"], [Lines(paths=("x",))]) == recipe_id("l0", ["a"], [Lines(paths=("y",))])


def test_the_code_of_each_step_counts(monkeypatch):
    before = recipe_id("l1", ["a"], [MinWords()])
    nothing = recipe_id("l1", ["a"], [])
    monkeypatch.setattr(fingerprint, "code_version", lambda module: f"new {module}")
    assert recipe_id("l1", ["a"], [MinWords()]) != before
    assert recipe_id("l1", ["a"], []) == nothing


def test_the_protocol_counts_for_a_level_without_steps(monkeypatch):
    before = recipe_id("l1", ["a"], [])
    monkeypatch.setitem(fingerprint.PROTOCOL, "pipeline.run", 99)
    assert recipe_id("l1", ["a"], []) != before


def test_the_manifest_names_what_a_foreign_step_imports():
    code.reach_of.cache_clear()
    assert {"numpy", "pyarrow"} <= versions_of([MinWords()]).keys()
