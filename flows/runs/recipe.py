"""A run as one validated object, read from YAML before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator, field_validator, model_validator

from flows.runs.ablation import AblationSettings
from flows.runs.extensions import find_step, kinds_at
from pipeline.books.alarm import Alarm
from pipeline.errors import UsageError
from pipeline.run.passes import Level
from pipeline.steps import Checker, Source, Step
from pipeline.steps.safe_yaml import YamlError, parse_yaml, read_yaml
from stages import l0_collect as collect
from stages import l1_filter as filtering
from stages import l2_select as select
from stages import l3_synthesize as synthesize
from stages import l4_verify as verify
from stages.l4_verify.human_review import HumanReview
from stages.l4_verify.policy import Policy, names_in

LEVELS = ("l0_collect", "l1_filter", "l2_select", "l3_synthesize", "l4_verify")
STEPS_OF = {
    "l0_collect": collect.Step,
    "l1_filter": filtering.Step,
    "l2_select": select.Step,
    "l3_synthesize": synthesize.Step,
    "l4_verify": verify.Step,
}
SECTIONS: dict[str, type[BaseModel]] = {"alarm": Alarm, "ablation": AblationSettings}
"""Mappings of a recipe that are no levels, by their key."""
S = TypeVar("S")
RECIPES = Path(__file__).parents[1] / "recipes"


class RecipeError(UsageError):
    """The recipe or the command cannot be run as it stands; says what, why and what to write instead."""


def _or_from_outside(level: str, shape: type[Step] = Step) -> WrapValidator:
    """Let a step of a kind that is not built in come from an installed package."""

    def validate(raw: Any, built_in: Callable[[Any], Any]) -> Any:
        kind = raw.get("kind") if isinstance(raw, dict) else None
        known = {kind_of(step) for place, step in all_steps() if place == level}
        if not isinstance(kind, str) or kind in known or (step := find_step(level, kind)) is None:
            return built_in(raw)
        if issubclass(step, Source) != issubclass(shape, Source):
            where = "`source`" if issubclass(step, Source) else "`steps`"
            raise ValueError(f"'{kind}' belongs under {where} of {level}")
        return step.model_validate(raw)

    return WrapValidator(validate)


AnySource = Annotated[collect.AnySource, _or_from_outside("l0_collect", Source)]
CollectStep = Annotated[collect.Step, _or_from_outside("l0_collect")]
FilterStep = Annotated[filtering.Step, _or_from_outside("l1_filter")]
SelectStep = Annotated[select.Step, _or_from_outside("l2_select")]
SynthesizeStep = Annotated[synthesize.Step, _or_from_outside("l3_synthesize")]
VerifyStep = Annotated[verify.Step, _or_from_outside("l4_verify")]


class LevelSettings(BaseModel, Generic[S]):
    """A level of the recipe: its steps in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: tuple[S, ...] = ()
    keep_dropped_text: bool = False
    """Keep the text of dropped rows beside their reasons, to re-tune thresholds or rewrite rejects."""
    alarm: Alarm | None = None
    """Stop the run if a step drops nearly all of one source or language; no part of the recipe id."""

    @field_validator("alarm")
    @classmethod
    def _ignored_steps_are_known(cls, alarm: Alarm | None) -> Alarm | None:
        known = [kind_of(step) for _, step in all_steps()]
        for name in alarm.ignore if alarm else ():
            kind = name.split(".")[0]
            if kind not in known and not any(kind in kinds_at(level) for level in LEVELS):
                raise ValueError(f"alarm.ignore names no step '{kind}'{nearest(kind, known)}")
        return alarm


class CollectSettings(LevelSettings[CollectStep]):
    """l0_collect: where rows come from, and what makes text of them."""

    source: AnySource

    @model_validator(mode="after")
    def _pages_become_text(self) -> CollectSettings:
        gives_pages = self.source.schema is not None and "html" in self.source.schema.names
        if gives_pages and not any(column.name == "text" for step in self.steps for column in step.columns()):
            raise ValueError(
                f"{self.source.kind} gives pages, and no step makes text of them; "
                "add `steps: [{kind: extract_html}]` to l0_collect"
            )
        return self


class FilterSettings(LevelSettings[FilterStep]):
    """l1_filter. Later levels select on purpose, so only here is the alarm on."""

    alarm: Alarm | None = Alarm()

    @model_validator(mode="after")
    def _kept_languages_have_parameters(self) -> FilterSettings:
        kept: tuple[str, ...] = ()
        for step in self.steps:
            kept = step.kept if isinstance(step, filtering.Language) else kept
            known = step.by_language if isinstance(step, filtering.ByLanguage) else {}
            if known and (missing := [code for code in kept if code not in known]):
                raise ValueError(
                    f"{step.kind} would drop all rows in {', '.join(missing)}, which the step `language` keeps; "
                    "add them to its `languages`"
                )
        return self


class VerifySettings(LevelSettings[VerifyStep]):
    """l4_verify. Where a policy closes it, the checkers that it names run before it and in its order."""

    @model_validator(mode="after")
    def _policy_can_be_met(self) -> VerifySettings:
        policies = [step for step in self.steps if isinstance(step, Policy)]
        if not policies:
            return self
        if len(policies) > 1 or self.steps[-1] is not policies[0]:
            raise ValueError("policy has the last word; put one, and put it last")
        judges = [step for step in self.steps[:-1] if isinstance(step, Checker | HumanReview)]
        means: dict[str, str] = {step.kind: getattr(step, "means", "human") for step in judges}
        for kind, needs in policies[0].needs.items():
            names = names_in(needs)
            if absent := [name for name in names if name not in means]:
                raise ValueError(
                    f"policy needs {', '.join(absent)} of {kind}, which no step before it is; "
                    f"the steps are {', '.join(means) or 'none'}"
                )
            if names != sorted(names, key=list(means).index):
                raise ValueError(f"policy names the needs of {kind} as {', '.join(names)}; the steps run otherwise")
            if all(means[name] == "statistical" for name in names):
                raise ValueError(f"policy needs only statistical means of {kind}, which never certify alone")
        return self


class Recipe(BaseModel):
    """The levels of a run. It may stop after any of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=200)  # with an id it is a folder's name
    l0_collect: CollectSettings
    l1_filter: FilterSettings | None = None
    l2_select: LevelSettings[SelectStep] | None = None
    l3_synthesize: LevelSettings[SynthesizeStep] | None = None
    l4_verify: VerifySettings | None = None
    ablation: AblationSettings | None = None
    """Compare levels by proxy models when the version is there; no part of the recipe id."""
    allow_empty: bool = False
    """Publish also without rows, or without an input file of which nothing could be read; no part of the recipe id."""

    @model_validator(mode="after")
    def _ablation_names_levels(self) -> Recipe:
        if self.ablation is not None:
            self.ablation.of_levels([level.name for level in self.levels()])
        return self

    def levels(self) -> list[Level]:
        """The levels that are there, in order."""
        found = []
        for name in LEVELS:
            settings = getattr(self, name)
            if settings is not None:
                source = settings.source if isinstance(settings, CollectSettings) else None
                found.append(
                    Level(
                        name,
                        self.dataset,
                        settings.steps,
                        source,
                        settings.keep_dropped_text,
                        settings.alarm,
                        self.allow_empty,
                    )
                )
        return found


def load_recipe(path: str, inputs: Sequence[str] = (), settings: Sequence[str] = ()) -> Recipe:
    """Read, apply `--input` and `--set`, validate. Raises RecipeError with everything that is wrong."""
    raw = _read(path)
    for setting in settings:
        _set(raw, setting)
    if inputs:
        _set_inputs(raw, inputs)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(problem, raw) for problem in error.errors()]
        raise RecipeError(f"recipe {path}: " + "; ".join(dict.fromkeys(problems))) from None


def load_recipe_text(text: str) -> Recipe:
    """A recipe that lies in a release. Its source has no paths."""
    try:
        return Recipe.model_validate(parse_yaml(text))
    except (YamlError, ValidationError) as error:
        raise RecipeError(f"the recipe of this version cannot be read by this Orefine: {error}") from None


def all_steps() -> Iterator[tuple[str, type[Step]]]:
    """(level, step class) for every source and step there is."""
    for kind in _members(collect.AnySource):
        yield "l0_collect", kind
    for level, union in STEPS_OF.items():
        for kind in _members(union):
            yield level, kind


def _members(annotated: Any) -> tuple[type[Step], ...]:
    """The classes of an annotated union; of a single annotated class, that class."""
    inner = get_args(annotated)[0] if get_args(annotated) else annotated
    return get_args(inner) or (inner,)


def kind_of(step: type[Step]) -> str:
    return str(step.model_fields["kind"].default)


def _read(path: str) -> dict[str, Any]:
    file = Path(path)
    if not file.is_file() and (RECIPES / f"{path}.yaml").exists():
        file = RECIPES / f"{path}.yaml"
    try:
        raw = read_yaml(file)
    except OSError:
        known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.yaml")))
        raise RecipeError(f"recipe '{path}' is not there; give a YAML file or one of: {known}") from None
    except YamlError as error:
        raise RecipeError(f"recipe '{path}' is no YAML: {error}") from None
    if not isinstance(raw, dict):
        raise RecipeError(
            f"recipe '{path}' holds a {type(raw).__name__}; it must be a mapping with `dataset` and levels"
        )
    return raw


def parse_setting(setting: str) -> tuple[str, Any]:
    """Key and value of `--set key=value`."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise RecipeError(f"--set '{setting}': give dotted.key=value, for example l2_select.threshold.minimum=0.7")
    try:
        return key, parse_yaml(value)
    except YamlError as error:
        raise RecipeError(f"--set {key}: the value is no YAML: {error}") from None


def _set(raw: dict[str, Any], setting: str) -> None:
    """`l2_select.threshold.minimum=0.7`: a list of steps takes a kind or a number in place of an index."""
    key, value = parse_setting(setting)
    *path, last = key.split(".")
    place: Any = raw
    for name in path:
        place = _enter(place, name, key)
    if isinstance(place, list):
        place[_index(place, last, key)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise RecipeError(f"--set {key}: '{last}' lies below a value; leave it out")


def _enter(place: Any, name: str, key: str) -> Any:
    settings = (*CollectSettings.model_fields, *(place if isinstance(place, dict) else ()))
    if isinstance(place, dict) and name not in settings and isinstance(place.get("steps"), list):
        place = place["steps"]
    if isinstance(place, list):
        return place[_index(place, name, key)]
    if not isinstance(place, dict):
        raise RecipeError(f"--set {key}: '{name}' lies below a value; leave it out")
    return place.setdefault(name, {})


def _index(steps: list[Any], name: str, key: str) -> int:
    if name.isdigit() and int(name) < len(steps):
        return int(name)
    kinds = [step.get("kind") for step in steps]
    if name in kinds:
        return kinds.index(name)
    raise RecipeError(f"--set {key}: no step '{name}' there; the steps are {', '.join(map(str, kinds)) or 'none'}")


def _mapping(place: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """The mapping under a key, made where the key is left out."""
    found = place.setdefault(key, {})
    if not isinstance(found, dict):
        raise RecipeError(f"{name} is {found!r}, and must be a mapping; leave the key out to let --input say all")
    return found


def _set_inputs(raw: dict[str, Any], inputs: Sequence[str]) -> None:
    """Replace the source's paths, and its kind where the files are of another format."""
    section = _mapping(raw, "l0_collect", "l0_collect")
    source = _mapping(section, "source", "l0_collect.source")
    kinds = {kind for path in inputs if (kind := collect.kind_for(path))}
    if len(kinds) > 1:
        raise RecipeError(f"--input: files of several formats ({', '.join(sorted(kinds))}); run each format by itself")
    if kinds and source.get("kind") not in kinds:
        # The other source's settings (column names, …) would not apply to this format.
        section["source"] = source = {"kind": kinds.pop()}
        steps = [step for step in section.get("steps") or [] if step.get("kind") != "extract_html"]
        section["steps"] = [{"kind": "extract_html"}, *steps] if source["kind"] == "warc" else steps
    source["paths"] = list(inputs)


def _explain(problem: Any, raw: dict[str, Any]) -> str:
    """One pydantic problem in the words of a recipe."""
    location = problem["loc"]
    path = [part for number, part in enumerate(location) if not _is_tag(location, number, raw)]
    where = ".".join(str(part) for part in path)
    if problem["type"] == "union_tag_invalid":
        kind = problem["ctx"]["tag"]
        known = [name.strip(" '") for name in problem["ctx"]["expected_tags"].split(",")]
        known += kinds_at(str(path[0]))
        return f"{where}: unknown kind '{kind}'{nearest(kind, known)}; there are {', '.join(known)}"
    if problem["type"] == "union_tag_not_found":
        return f"{where}: a step needs a `kind`"
    if problem["type"] == "extra_forbidden":
        name, owner = str(path[-1]), ".".join(str(part) for part in path[:-1])
        known = _fields_at(path[:-1], raw)
        return f"{owner or 'top level'}: unknown key '{name}'{nearest(name, known)}; there are {', '.join(known)}"
    if problem["type"] == "value_error":  # ours: it names the value itself
        return f"{where}: {problem['ctx']['error']}"
    if problem["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {problem['msg']} (found {problem['input']!r})"[:500]


def _is_tag(location: Sequence[Any], number: int, raw: Any) -> bool:
    """Pydantic names the chosen member of a union after the list index or after `source`; readers do not need it."""
    place = raw
    for part in location[:number]:
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(place, dict) and place.get("kind") == location[number]


def _fields_at(path: Sequence[Any], raw: dict[str, Any]) -> list[str]:
    place: Any = raw
    for part in path:
        place = place[part]
    if isinstance(place, dict) and "kind" in place:
        found = next((step for _, step in all_steps() if kind_of(step) == place["kind"]), None)
        return list((found or find_step(str(path[0]), place["kind"]) or Step).model_fields)
    if not path:
        return list(Recipe.model_fields)
    if path[-1] in SECTIONS:
        return list(SECTIONS[path[-1]].model_fields)
    return list((CollectSettings if path[0] == "l0_collect" else LevelSettings).model_fields)


def nearest(name: str, known: Sequence[str]) -> str:
    """`(did you mean '…'?)`, or nothing."""
    close = difflib.get_close_matches(str(name), known, 1)
    return f" (did you mean '{close[0]}'?)" if close else ""
