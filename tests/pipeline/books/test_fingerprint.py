"""The recipe id changes with what decides the output, and with nothing else."""

from importlib.metadata import version
from typing import ClassVar

from pipeline.books import fingerprint
from pipeline.books.fingerprint import canonical, recipe_id, versions
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


def test_imported_code_counts(monkeypatch, tmp_path):
    def version(kernel: str) -> str:
        (tmp_path / "pipeline" / "kernels").mkdir(parents=True, exist_ok=True)
        (tmp_path / "pipeline" / "steps").mkdir(parents=True, exist_ok=True)
        (tmp_path / "pipeline" / "steps" / "step.py").write_text(
            "from pipeline.kernels import (\n    words,\n)\nimport json\n"
        )
        (tmp_path / "pipeline" / "kernels" / "words.py").write_text(kernel)
        monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
        fingerprint.code_version.cache_clear()
        fingerprint._source.cache_clear()
        return fingerprint.code_version("pipeline.steps.step")

    assert version("x = 1\n") == version("x = 1\n") != version("x = 2\n")


def test_late_imports_count_too():
    source = (
        "import json\n\ndef f():\n    from pipeline.kernels.words import words\n    import stages.l1_filter.language\n"
    )
    assert fingerprint._imports(source) == [
        "pipeline.kernels.words",
        "pipeline.kernels.words.words",
        "stages.l1_filter.language",
    ]


def test_a_step_from_elsewhere_has_a_version():
    assert fingerprint.code_version(MinWords.__module__) != fingerprint.code_version("pipeline.steps.step")
