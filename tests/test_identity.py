"""A change of code re-runs exactly the levels that use it, and a change of its looks re-runs nothing.

Held on copies of the sources. Which steps reach a module is asked of Python's own `modulefinder`, which reads bytecode.
"""

import ast
import re
import shutil
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from flows.runs.recipe import RECIPES, all_steps, load_recipe
from pipeline.books.code import ROOT, Code
from pipeline.protocol import PROTOCOL

STEPS = {step.__name__: step.__module__ for _, step in all_steps()}
LEVELS = {
    f"{recipe.stem}.{level.name}": {type(step).__name__ for step in level.all_steps()}
    for recipe in RECIPES.glob("*.yaml")
    for level in load_recipe(str(recipe)).levels()
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return _copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def reached(tmp_path_factory) -> dict[str, set[str]]:
    """Module → names of the steps that reach it, by modulefinder."""
    root = _copy(tmp_path_factory.mktemp("oracle"))
    for file in root.rglob("*.py"):
        # The compiler drops what stands under `if False`, as nothing runs under `if TYPE_CHECKING`; and bytecode tells
        # nothing of processes, so that what is started as one is imported here.
        source = file.read_text().replace("if TYPE_CHECKING:", "if False:")
        started = re.findall(r'"-m", "([\w.]+)"', source)
        file.write_text("\n".join([source, *(f"import {name}" for name in started), ""]))
    for listing in (root / "stages" / "__init__.py", *root.glob("stages/*/__init__.py")):
        listing.write_text("")
    found: dict[str, set[str]] = {}
    for step, module in STEPS.items():
        finder = ModuleFinder([str(root)], excludes=[*PROTOCOL, "numpy", "pyarrow"])
        finder.import_hook(module)
        for name in finder.modules:
            if name.startswith(("pipeline.", "stages.")):
                found.setdefault(name, set()).add(step)
    return found


@pytest.mark.slow
def test_a_change_of_code_changes_exactly_the_steps_and_levels_that_reach_it(copy: Path, reached: dict[str, set[str]]):
    before = _versions(copy)
    mutants = 0
    for name, expected in sorted(reached.items()):
        path = _file(copy, name)
        source = path.read_text()
        mutant = _mutant(source)
        if mutant is None or re.fullmatch(r"stages\.\w+", name):  # levels only list their steps
            continue
        mutants += 1
        path.write_text(mutant)
        after = _versions(copy)
        path.write_text(source)
        changed = {step for step in STEPS if after[step] != before[step]}
        assert changed == expected, f"{name}: steps {changed ^ expected}"
        levels = {level for level, steps in LEVELS.items() if any(after[step] != before[step] for step in steps)}
        assert levels == {level for level, steps in LEVELS.items() if steps & expected}
    assert mutants >= 40, mutants
    assert reached["stages.l4_verify.math_worker"] == {"MathAnswer"}
    assert _versions(copy) == before


def test_a_change_of_the_core_is_no_change_of_a_step(copy: Path):
    before = _versions(copy)
    for name in ("pipeline.rows.batch", "pipeline.steps.step", "pipeline.run.rowpass", "pipeline.store.shard"):
        path = _file(copy, name)
        source = path.read_text()
        path.write_text(f"{source}\nMORE = 1\n")
        assert _versions(copy) == before, name
        path.write_text(source)


def test_comments_docstrings_and_layout_change_nothing(tmp_path: Path):
    root = _copy(tmp_path)
    before = _versions(root)
    files = [file for file in root.rglob("*.py") if file.stat().st_size]
    for file in files:
        source = file.read_text()
        lines = source.split("\n")
        for place in sorted(_docstring_lines(source), reverse=True):
            lines[place] = lines[place].replace('"""', '"""Otherwise: ', 1)
        file.write_text("# A remark.\n\n" + "\n".join(lines) + "\n\n# The end.\n")
    assert len(files) > 100
    assert _versions(root) == before


def test_a_new_step_in_a_level_is_no_other_version_of_its_neighbours(copy: Path):
    before = _versions(copy)
    listing = copy / "stages" / "l1_filter" / "__init__.py"
    source = listing.read_text()
    listing.write_text(f"{source}\nfrom stages.l1_filter.min_words import MinWords\n")
    assert _versions(copy) == before
    listing.write_text(source)


def _copy(folder: Path) -> Path:
    for package in ("pipeline", "stages"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _versions(root: Path) -> dict[str, str]:
    code = Code(root)
    return {step: code.reach(module).version() for step, module in STEPS.items()}


def _file(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _mutant(source: str) -> str | None:
    """The source with its last number, comparison or returned name changed: one token, in whatever function it is."""
    for node in reversed([*ast.walk(ast.parse(source))]):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.lineno == node.end_lineno:
            return _replaced(source, node, repr(node.value + 1))
        is_none = isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is None
        if isinstance(node, ast.Return) and node.value is not None and not is_none:
            return _replaced(source, node.value, "None", node.value.end_lineno)
    return None


def _replaced(source: str, node: ast.expr, text: str, end_line: int | None = None) -> str:
    lines = source.encode().split(b"\n")
    end = end_line or node.lineno
    head, tail = lines[node.lineno - 1][: node.col_offset], lines[end - 1][node.end_col_offset :]
    lines[node.lineno - 1 : end] = [head + text.encode() + tail]
    return b"\n".join(lines).decode()


def _docstring_lines(source: str) -> set[int]:
    """Where strings that are statements begin."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr))
    return {node.lineno - 1 for node in nodes if isinstance(node.value, ast.Constant)}
