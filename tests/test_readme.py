"""What the README shows works as it stands there."""

import re
import sys
import types
from pathlib import Path

import yaml

from flows.cli import app
from flows.runs.recipe import all_steps, kind_of
from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.store import LocalStore
from tests.pipeline.helpers import l0, l1, silent, write_lines

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_filter_of_the_readme_works(tmp_path: Path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (line,) = re.findall(r"`- (\{kind: min_words.*?\})`", README)
    path = tmp_path / "min_words.py"
    path.write_text("\n".join(line.removeprefix("   ") for line in code.split("\n")))
    module = types.ModuleType("min_words")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "min_words", module)
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    step = module.MinWords.model_validate(yaml.safe_load(line) | {"minimum": 3})

    store = LocalStore(tmp_path / "store")
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "in", ["one two", "one two three"]))
    second = run_level(l1(step), store, InlineRunner(), silent, parent=first)
    assert second.manifest.dropped == {"min_words.too_few_words": 1}
    assert second.manifest.rows_out == 1


def test_every_command_is_in_the_readme():
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert f"orefine {name}" in README, f"`orefine {name}` is not in the README"


def test_the_readme_sets_only_what_there_is():
    kinds = {kind_of(step): set(step.model_fields) for _, step in all_steps()}
    for kind, field in re.findall(r"--set l\d_\w+\.(\w+)\.(\w+)=", README):
        assert field in kinds[kind]
