"""`serve.yaml`: which recipes run when, on which input and store, and who hears of it.

    store: /data/store                       # of all deployments that name none
    webhooks: ["https://hooks.example.org/orefine"]
    deployments:
      - {name: news, recipe: news.yaml, inputs: [incoming], every: 15m}
      - {name: nightly, recipe: ultra_fineweb_en, cron: "0 3 * * *", timezone: Europe/Berlin}

Relative paths count from the folder of the file, since a worker runs each flow in a folder of its own.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from flows.runs.recipe import RecipeError, load_recipe
from pipeline.steps.safe_yaml import YamlError, read_yaml

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SPAN = re.compile(r"(\d{1,6})([smhd])")
Told = Literal["failed", "crashed", "published"]


class Deployment(BaseModel):
    """One recipe on a schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    recipe: str
    inputs: tuple[str, ...] = ()
    """In place of the recipe's paths; files that appear in a folder are taken by the next run."""
    store: str = ""
    """Empty: the service's."""
    every: str = ""
    """`90s`, `15m`, `6h` or `1d`; neither `every` nor `cron`: only `orefine serve --once`, or by hand."""
    cron: str = ""
    timezone: str = "UTC"
    runner: Literal["auto", "inline", "ray"] = "auto"
    ray_address: str | None = None
    workers: int | None = Field(None, ge=1)
    settings: tuple[str, ...] = ()
    """`dotted.key=value`, as `--set` takes them."""

    @field_validator("every")
    @classmethod
    def _is_a_span(cls, every: str) -> str:
        if every and not seconds(every):
            raise ValueError(f"every '{every}' is no span; give a number and s, m, h or d, such as 15m")
        return every

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone '{name}' is unknown; give one such as Europe/Berlin, or UTC") from None
        return name

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Deployment:
        if self.every and self.cron:
            raise ValueError(f"'{self.name}' has `every` and `cron`; give one of the two")
        return self

    def parameters(self) -> dict[str, Any]:
        """Of the flow `refine`."""
        return {
            "recipe": self.recipe,
            "inputs": list(self.inputs) or None,
            "store": self.store,
            "runner": self.runner,
            "ray_address": self.ray_address,
            "workers": self.workers,
            "settings": list(self.settings) or None,
        }


class Service(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = "store"
    port: int = Field(4200, ge=1, le=65535)
    """Of the server on this machine, if PREFECT_API_URL names no other one."""
    webhooks: tuple[str, ...] = ()
    """Addresses that get a POST of `{"subject": …, "body": …}`."""
    blocks: tuple[str, ...] = ()
    """Notification blocks that Prefect knows, as `type/name`: `slack-webhook/team`, `email-server-credentials/…`."""
    tell: tuple[Told, ...] = ("failed", "crashed", "published")
    deployments: tuple[Deployment, ...] = Field(min_length=1)

    @field_validator("webhooks")
    @classmethod
    def _are_addresses(cls, webhooks: tuple[str, ...]) -> tuple[str, ...]:
        for address in webhooks:
            if not re.match(r"https?://[^\s/]", address):
                raise ValueError(f"webhook '{address}' is no http(s):// address")
        return webhooks

    @model_validator(mode="after")
    def _names_differ(self) -> Service:
        names = [one.name for one in self.deployments]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two deployments are called '{twice[0]}'; name each once")
        return self

    def named(self, name: str) -> Deployment:
        """The deployment of that name, or RecipeError with those there are."""
        for one in self.deployments:
            if one.name == name:
                return one
        raise RecipeError(f"no deployment '{name}'; there are: {', '.join(one.name for one in self.deployments)}")


def seconds(span: str) -> int:
    """Of `15m`; 0 for what is no span."""
    found = SPAN.fullmatch(span)
    return int(found[1]) * SECONDS[found[2]] if found else 0


def load_service(path: Path) -> Service:
    """The file, its paths absolute and its recipes read. Raises RecipeError with everything that is wrong."""
    try:
        raw = read_yaml(path)
    except OSError:
        raise RecipeError(f"{path} is not there; write it first, docs/service.md shows one") from None
    except YamlError as error:
        raise RecipeError(f"{path} is no YAML: {error}") from None
    try:
        service = Service.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{path}: " + "; ".join(_line(problem) for problem in error.errors())) from None
    folder = path.absolute().parent
    store = _absolute(service.store, folder)
    deployments = [_placed(one, store, folder) for one in service.deployments]
    problems = [f"deployment '{one.name}': {text}" for one in deployments for text in _problems(one)]
    if problems:
        raise RecipeError(f"{path}: " + "; ".join(problems))
    return service.model_copy(update={"store": store, "deployments": tuple(deployments)})


def _placed(one: Deployment, store: str, folder: Path) -> Deployment:
    """With absolute paths; a recipe that comes with Orefine keeps its name."""
    recipe = folder / one.recipe
    return one.model_copy(
        update={
            "recipe": str(recipe) if recipe.is_file() else one.recipe,
            "inputs": tuple(_absolute(path, folder) for path in one.inputs),
            "store": _absolute(one.store, folder) if one.store else store,
        }
    )


def _absolute(path: str, folder: Path) -> str:
    return path if "://" in path else str(folder / path)


def _problems(one: Deployment) -> Sequence[str]:
    try:
        recipe = load_recipe(one.recipe, one.inputs, one.settings)
    except RecipeError as error:
        return [str(error)]
    paths = recipe.l0_collect.source.paths
    relative = [path for path in paths if "://" not in path and not Path(path).is_absolute()]
    return [f"'{path}' of its recipe is a relative path; name it under `inputs`" for path in relative[:1]]


def _line(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    said = problem["ctx"]["error"] if problem["type"] == "value_error" else problem["msg"]
    return f"{where}: {said}" if where else str(said)
