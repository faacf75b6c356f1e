"""Kinds from installed packages: found by entry point, loaded when named, refused in one line."""

import json
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runs import extensions
from flows.runs.recipe import RecipeError, load_recipe
from pipeline.books import code as code_module
from pipeline.books.code import Code, reach_of

MODULE = """
from typing import Literal
from pipeline.steps import DocumentFilter, Source

class Short(DocumentFilter):
    '''Drop short documents.'''
    kind: Literal["short"] = "short"
    minimum: int = 3
    def reason_to_drop(self, document):
        return None

class Feed(Source):
    '''Read a feed.'''
    kind: Literal["feed"] = "feed"
    def units(self, path, sha256): return []
    def read(self, unit): return iter(())
"""
RECIPE = "{dataset: toy, l0_collect: {source: %s}, l1_filter: {steps: [%s]}}"
SOURCE = "{kind: parquet, paths: [a.parquet]}"


@pytest.fixture
def install(tmp_path: Path, monkeypatch):
    """Lay a distribution with these entry points onto Python's path."""
    monkeypatch.syspath_prepend(tmp_path)

    def forget() -> None:
        extensions.entries.cache_clear()
        reach_of.cache_clear()
        for module in ("outside_steps", "other_steps"):
            sys.modules.pop(module, None)

    def lay(*entries: str, name: str = "mine", module: str = "outside_steps", code: str = MODULE) -> None:
        (tmp_path / f"{module}.py").write_text(dedent(code))
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("[orefine.steps]\n" + "\n".join(entries) + "\n")
        forget()

    monkeypatch.setattr(code_module, "_code", Code)
    yield lay
    forget()


def load(folder: Path, step: str, source: str = SOURCE):
    path = folder / "recipe.yaml"
    path.write_text(RECIPE % (source, step))
    return load_recipe(str(path))


def test_a_recipe_may_name_a_kind_of_a_package(tmp_path: Path, install):
    install("l1_filter.short = outside_steps:Short", "l0_collect.feed = outside_steps:Feed")
    recipe = load(tmp_path, "{kind: gopher_quality}, {kind: short, minimum: 4}", "{kind: feed, paths: [a]}")
    assert [step.kind for level in recipe.levels() for step in level.all_steps()] == ["feed", "gopher_quality", "short"]
    assert recipe.l1_filter is not None
    assert recipe.l1_filter.steps[1].minimum == 4


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{kind: shrt}", r"l1_filter.steps.0: unknown kind 'shrt' \(did you mean 'short'\?\).*, short$"),
        ("{kind: short, minimun: 1}", r"unknown key 'minimun' \(did you mean 'minimum'\?\); there are kind, minimum$"),
        ("{kind: short, minimum: much}", r"l1_filter.steps.0.minimum: Input should be a valid integer"),
        ("{kind: feed}", r"unknown kind 'feed'"),
    ],
)
def test_what_is_wrong_is_said_as_for_built_in_kinds(tmp_path: Path, install, step: str, message: str):
    install("l1_filter.short = outside_steps:Short", "l0_collect.feed = outside_steps:Feed")
    with pytest.raises(RecipeError, match=message):
        load(tmp_path, step)


def test_a_step_is_no_source_and_a_source_no_step(tmp_path: Path, install):
    install("l0_collect.short = outside_steps:Short", "l1_filter.feed = outside_steps:Feed")
    with pytest.raises(RecipeError, match=r"l0_collect.source: 'short' belongs under `steps` of l0_collect"):
        load(tmp_path, "{kind: gopher_quality}", "{kind: short}")
    with pytest.raises(RecipeError, match=r"outside_steps:Feed \(mine\) is a source, which only l0_collect takes"):
        load(tmp_path, "{kind: feed}")


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ("outside_steps:Short", "import nothing_of_this_name", r"\(mine\) cannot be imported: ModuleNotFoundError: No"),
        ("outside_steps:Short", "raise SystemError('a\\nb')", r"cannot be imported: SystemError: a b; repair or"),
        ("outside_steps:Long", MODULE, r"cannot be imported: AttributeError"),
        ("outside_steps:Literal", MODULE, r"outside_steps:Literal \(mine\) is no step; derive it from a shape"),
        ("outside_steps:Short", f"{MODULE}\neval('1')", r"short' of .*outside_steps.py:\d+: `eval` runs code that no"),
        ("outside_steps:Feed", MODULE, r"has the kind 'feed', but its entry point is 'l1_filter.short'; name"),
    ],
)
def test_a_broken_package_is_one_line(tmp_path: Path, install, entry: str, code: str, message: str):
    install(f"l1_filter.short = {entry}", code=code)
    with pytest.raises(RecipeError, match=message) as caught:
        load(tmp_path, "{kind: short}")
    assert "\n" not in str(caught.value)


def test_a_kind_of_two_packages_is_refused(tmp_path: Path, install):
    install("l1_filter.short = outside_steps:Short")
    install("l1_filter.short = other_steps:Short", name="theirs", module="other_steps")
    with pytest.raises(RecipeError, match=r"'short' of l1_filter comes from other_steps:Short \(theirs\) and outside_"):
        load(tmp_path, "{kind: short}")


def test_steps_lists_what_can_be_used_and_says_what_cannot(install):
    install(
        "l1_filter.short = outside_steps:Short",
        "l1_filter.language = outside_steps:Short",
        "l9_polish.short = outside_steps:Short",
    )
    done = CliRunner().invoke(app, ["steps", "--json"])
    assert done.exit_code == 0
    listed = [(one["level"], one["kind"]) for one in json.loads(done.stdout.splitlines()[-1])]
    assert listed[-1] == ("l1_filter", "short")
    assert len(listed) == len(set(listed))
    assert "outside_steps:Short (mine) brings the kind 'language', which is built in; give it another" in done.stderr
    assert "names its entry point 'l9_polish.short'; it must be <level>.<kind>" in done.stderr


def test_nobody_looks_for_packages_where_all_kinds_are_built_in(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(extensions, "entries", lambda: pytest.fail("looked"))
    load(tmp_path, "{kind: gopher_quality}")
