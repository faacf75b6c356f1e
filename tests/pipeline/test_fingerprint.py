"""The recipe id changes with what decides the output, and with nothing else."""

import ast

from pipeline.fingerprint import _imports, _without_docstrings, code_version, recipe_id
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


def test_comments_and_docstrings_do_not_count():
    bare = "def f(x):\n    return x + 1\n"
    told = '"""A module."""\ndef f(x):\n    """Adds."""\n    # one\n    return x + 1\n'
    other = "def f(x):\n    return x + 2\n"
    versions = [_without_docstrings(ast.parse(source)) for source in (bare, told, other)]
    assert versions[0] == versions[1] != versions[2]


def test_imported_code_counts():
    assert _imports(ast.parse("from pipeline.kernels import words\nimport json")) == [
        "pipeline.kernels", "pipeline.kernels.words", "json",
    ]  # fmt: skip
    assert code_version("pipeline.level") != code_version("pipeline.rowpass") != code_version("pipeline.batch")
