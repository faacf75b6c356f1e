"""Commands that say what there is to use: steps, recipes, and new recipe, which writes one to start from."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json, print_result, say

if TYPE_CHECKING:
    from pipeline.steps import Step

new = typer.Typer(help="Write a file to start from.", no_args_is_help=True)
START = """\
# Refine your own files: orefine run {file} --store store --input FILE
# Look at them first: orefine analyze FILE --recipe {file}      All steps: orefine steps
dataset: {dataset}
l0_collect:
  source: {{kind: {source}, paths: []}}            # --input fills in the paths{extract}
l1_filter:
  steps:
    - {{kind: exact_duplicates}}
    - {{kind: gopher_repetition}}
    - {{kind: gopher_quality, min_doc_words: 50}}  # parameters left out have their defaults
    - {{kind: fineweb_quality}}
    - {{kind: near_duplicates}}
    - {{kind: personal_data}}
"""
EXTRACT = "\n  steps: [{kind: extract_html}]"


def steps(
    name: Annotated[str | None, typer.Argument(help="A kind, such as gopher_quality; without: all.")] = None,
    as_json: Json = False,
) -> None:
    """Every step with its parameters and defaults, those of installed packages too; or one, with what each means."""
    from flows.runs.extensions import load_all
    from flows.runs.recipe import RecipeError, all_steps, kind_of, nearest

    built_in = list(all_steps())
    outside, problems = load_all([(level, kind_of(step)) for level, step in built_in])
    known = [*built_in, *outside]
    if name is not None:
        chosen = [(level, step) for level, step in known if kind_of(step) == name]
        kinds = [kind_of(step) for _, step in known]
        if not chosen:
            raise RecipeError(f"there is no step '{name}'{nearest(name, kinds)}; there are {', '.join(kinds)}")
        print_result(
            [_entry(*one) | {"meaning": meanings(one[1])} for one in chosen],
            as_json,
            [line for one in chosen for line in _described(*one)],
        )
        return
    lines = []
    for level, step in known:
        entry = _entry(level, step)
        lines.append(f"{level:<14} {entry['kind']}: {entry['does']}")
        lines += [f"{'':<16} {key} = {json.dumps(field.get('default'))}" for key, field in entry["parameters"].items()]
    for problem in problems:
        say(f"orefine: {problem}")
    print_result([_entry(*one) for one in known], as_json, lines)


def _entry(level: str, step: type[Step]) -> dict[str, Any]:
    from flows.runs.recipe import kind_of

    schema = step.model_json_schema()
    parameters = {name: field for name, field in schema["properties"].items() if name != "kind"}
    does = (step.__doc__ or "").strip().split("\n")[0]
    return {"level": level, "kind": kind_of(step), "does": does, "parameters": parameters}


def _described(level: str, step: type[Step]) -> list[str]:
    entry, said = _entry(level, step), meanings(step)
    lines = [f"{entry['kind']} ({level})", "", *inspect.cleandoc(step.__doc__ or "").splitlines(), ""]
    for name, field in entry["parameters"].items():
        lines.append(f"  {name} = {json.dumps(field.get('default'))}")
        lines += textwrap.wrap(said.get(name, ""), 100, initial_indent="      ", subsequent_indent="      ")
    if extras := [one for one in _extras(step)]:
        lines += ["", f"needs the extras {', '.join(extras)}"]
    return [*lines, ""]


def _extras(step: type[Step]) -> tuple[str, ...]:
    try:
        return step.model_validate({}).extras()
    except ValueError:  # it cannot be made without parameters
        return ()


def meanings(step: type[Step]) -> dict[str, str]:
    """Parameter → the text that stands under it in the code, of the step and of what it derives from."""
    found: dict[str, str] = {}
    for kind in reversed(step.__mro__):
        if "model_fields" not in dir(kind) or kind.__module__.startswith("pydantic"):
            continue
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        except (OSError, TypeError, ValueError, SyntaxError):  # a package without its source
            continue
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, after in zip(body, [*body[1:], None], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                text = after.value.value if is_text else None  # type: ignore[union-attr]
                if isinstance(text, str):
                    found[field.target.id] = " ".join(text.split())
    return found


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this one, to copy and change; without: all.")] = None,
    as_json: Json = False,
) -> None:
    """The recipes that come with Orefine, or one of them as YAML."""
    from flows.runs.recipe import RECIPES, RecipeError, nearest

    known = {path.stem: path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.yaml"))}
    if name is None:
        about = {key: text.splitlines()[0].lstrip("# ") for key, text in known.items()}
        print_result(about, as_json, [f"{key:<26} {line}" for key, line in about.items()])
        return
    if name not in known:
        raise RecipeError(f"there is no recipe '{name}'{nearest(name, list(known))}; there are {', '.join(known)}")
    print_result({name: known[name]}, as_json, known[name].splitlines())


@new.command("recipe")
def new_recipe(
    file: Annotated[Path, typer.Argument(help="The YAML file to write, such as mine.yaml.")],
    source: Annotated[str, typer.Option(help="parquet, jsonl, warc, wet, text or pdf.")] = "parquet",
    like: Annotated[str | None, typer.Option("--from", help="Copy this recipe (`orefine recipes`).")] = None,
) -> None:
    """Write a recipe to start from: L0 and L1 with their usual steps, or a copy of one that is there."""
    from flows.runs.recipe import RECIPES, RecipeError, load_recipe_text, nearest

    if file.suffix not in (".yaml", ".yml"):
        raise RecipeError(f"{file} is to be YAML; name it {file}.yaml")
    if file.exists():
        raise RecipeError(f"{file} is there already; give another name, or remove it first")
    if like is not None:
        known = [path.stem for path in RECIPES.glob("*.yaml")]
        if like not in known:
            raise RecipeError(
                f"--from: there is no recipe '{like}'{nearest(like, known)}; there are {', '.join(known)}"
            )
        text = (RECIPES / f"{like}.yaml").read_text(encoding="utf-8")
    else:
        dataset = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in file.stem) or "mine"
        text = START.format(
            file=file, dataset=dataset.lstrip("_") or "mine", source=source, extract=EXTRACT if source == "warc" else ""
        )
        load_recipe_text(text)
    file.write_text(text, encoding="utf-8")
    print(f"{file}: now orefine run {file} --store store --input FILE")
