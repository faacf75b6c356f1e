"""The recipe id changes with what decides the output, and with nothing else."""

from pipeline.books import fingerprint
from pipeline.books.fingerprint import recipe_id
from tests.pipeline.helpers import Lines, MinWords, Shout


def test_parameters_order_and_inputs_count():
    base = recipe_id("l1", ["a"], [MinWords(), Shout()])
    assert base == recipe_id("l1", ["a"], [MinWords(), Shout()])
    assert base != recipe_id("l1", ["a"], [MinWords(minimum=3), Shout()])
    assert base != recipe_id("l1", ["a"], [Shout(), MinWords()])
    assert base != recipe_id("l1", ["b"], [MinWords(), Shout()])
    assert base != recipe_id("l2", ["a"], [MinWords(), Shout()])


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
