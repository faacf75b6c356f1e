"""What the README shows works as it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from flows.cli import app
from flows.runs.recipe import all_steps, kind_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FILTER, TEST = map(textwrap.dedent, re.findall(r"```python\n(.*?) *```", README, re.DOTALL))
(PACKAGE,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
(LINE,) = re.findall(r"`- (\{kind: min_words.*?\})`", README)


def test_the_filter_works_in_the_tree(tmp_path: Path):
    tree = tmp_path / "tree"
    for package in ("pipeline", "stages", "flows"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "stages/l1_filter/min_words.py").write_text(FILTER)
    listing = tree / "stages/l1_filter/__init__.py"
    text = listing.read_text().replace("    UrlFilter\n", "    UrlFilter\n    | MinWords\n")
    listing.write_text(text.replace("from stages", "from stages.l1_filter.min_words import MinWords\nfrom stages", 1))
    found = orefine(tmp_path, [tree], "run", recipe(tmp_path), "--store", tmp_path / "store", "--json")
    assert found["levels"][1]["dropped"] == {"min_words.too_few_words": 1}


def test_the_filter_works_from_a_package_outside(tmp_path: Path):
    source, installed = tmp_path / "my_filters", tmp_path / "installed"
    source.mkdir()
    (source / "my_filters.py").write_text(FILTER)
    (source / "pyproject.toml").write_text(PACKAGE)
    # Where the network and other packages play no part; the environment of the tests stays as it is.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--target", installed, source], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    paths = [installed, ROOT]
    (listed,) = [one for one in orefine(tmp_path, paths, "steps", "--json") if one["kind"] == "min_words"]
    assert (listed["level"], listed["does"]) == ("l1_filter", "Drop documents with fewer than `minimum` words.")
    command = ("run", recipe(tmp_path), "--store", tmp_path / "store", "--json")
    first = orefine(tmp_path, paths, *command)["levels"][1]
    assert first["dropped"] == {"min_words.too_few_words": 1}
    found = orefine(tmp_path, paths, "explain", "http://a.example/", "--store", tmp_path / "store", "--json")
    (why,) = [row for row in found if row["fate"] == "dropped"]
    assert (why["reason"], why["value"], why["threshold"]) == ("min_words.too_few_words", 2, 3)

    code = installed / "my_filters.py"
    code.write_text("# Why.\n" + FILTER.replace('"""Drop', '"""Leave out'))
    assert orefine(tmp_path, paths, *command)["levels"][1]["reused"]
    code.write_text(FILTER.replace("words < self", "words <= self"))
    again = orefine(tmp_path, paths, *command, "--set", "allow_empty=true")["levels"]  # it drops both now
    assert ([level["reused"] for level in again], again[1]["rows_out"]) == ([True, False], 0)

    (tmp_path / "test_it.py").write_text(TEST)
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"}
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "test_it.py"]
    done = subprocess.run(pytest_run, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def recipe(folder: Path) -> Path:
    """A recipe with the line of the README, over a short and a long document."""
    rows = [{"text": "two words", "url": "http://a.example/"}, {"text": "three short words"}]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    step = {**yaml.safe_load(LINE), "minimum": 3}
    path = folder / "recipe.yaml"
    source = {"kind": "jsonl", "paths": [str(folder / "in.jsonl")]}
    path.write_text(
        yaml.safe_dump({"dataset": "toy", "l0_collect": {"source": source}, "l1_filter": {"steps": [step]}})
    )
    return path


def orefine(folder: Path, paths: list[Path], *arguments: object) -> Any:
    """What the command prints as JSON, where Python imports from these folders first."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_command_is_in_the_readme():
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert f"orefine {name}" in README, f"`orefine {name}` is not in the README"


def test_the_readme_sets_only_what_there_is():
    kinds = {kind_of(step): set(step.model_fields) for _, step in all_steps()}
    for kind, field in re.findall(r"--set l\d_\w+\.(\w+)\.(\w+)=", README):
        assert field in kinds[kind]


def documented() -> list[str]:
    """Every line of a shell block in the README and under docs/ that calls `orefine`."""
    texts = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
    blocks = [block for text in texts for block in re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)]
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("orefine ")]


@pytest.mark.parametrize("line", documented())
def test_every_documented_command_has_the_options_that_it_is_shown_with(line: str):
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((place for place, word in enumerate(words) if word in ("&&", "|", ">")), len(words))]
    command, rest = typer.main.get_command(app), words
    while hasattr(command, "commands"):
        assert rest, line
        assert rest[0] in command.commands, f"{line}: no command '{rest[0]}'"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert given <= known | {"--help"}, f"{line}: no option {given - known}"
