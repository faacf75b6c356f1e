"""Can vLLM load and address this model? Read from the small files of a model folder or of the hub, before a run.

Without a chat template every request would fail, after hours of L0 to L2; a model that was trained on plain text has
none.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

from stages.l3_synthesize.engines import smollm2

HUB_ID = re.compile(r"(\w[\w.-]*(?:/\w[\w.-]*)?)(?:@(\w[\w./-]*))?")
"""owner/name, and after an @ a branch, tag or commit."""
HEAD = re.compile(r"\A---\r?\n(.*?)\n---", re.DOTALL)
LICENSE = re.compile(r"^license: *[\"']?([\w.+-]+)", re.MULTILINE)
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")
TEMPLATES = ("chat_template.jinja", "chat_template.json")


def problems_of(model: str) -> list[str]:
    """What is wrong with a model folder or hub id; empty if a run may start with it."""
    if Path(model).is_dir():
        return _problems_of_folder(Path(model))
    if not HUB_ID.fullmatch(model) or Path(model).exists():
        return [f"model '{model}' is no folder; give a model folder, a hub id (owner/name[@revision]) or smollm2-135m"]
    return _problems_of_hub(model)


@functools.cache
def hub_commit(model: str) -> str:
    """The commit that a hub id stands for now, by the hub or, offline, by the cache; the run is pinned to it.

    Raises OSError or an error of the hub's client if neither knows it.
    """
    return _fetched(model, "config.json").parent.name  # the cache keeps files by commit


def _fetched(model: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    match = HUB_ID.fullmatch(model)
    assert match is not None  # `problems_of` comes first
    return Path(hf_hub_download(match[1], name, revision=match[2]))


def license_of(model: str) -> str:
    """The licence that a model's README names (`license: apache-2.0` in its head); empty if it names none."""
    if model == smollm2.ALIAS:
        return smollm2.LICENSE
    card = Path(model) / "README.md"
    head = HEAD.match(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    named = LICENSE.search(head[1]) if head else None
    return named[1] if named else ""


def _problems_of_folder(folder: Path) -> list[str]:
    names = {file.name for file in folder.iterdir() if file.is_file()}
    needed = {
        "config.json": "config.json" in names,
        "a tokenizer (tokenizer.json)": any(name in names for name in TOKENIZERS),
        "weights (*.safetensors)": any(name.endswith(WEIGHTS) for name in names),
    }
    if lacking := [what for what, there in needed.items() if not there]:
        return [f"model '{folder}' lacks {', '.join(lacking)}; give a folder as save_pretrained writes it"]
    settings = folder / "tokenizer_config.json"
    if any(name in names for name in TEMPLATES) or (settings.is_file() and _names_template(settings)):
        return []
    return [_without_template(str(folder))]


def _problems_of_hub(model: str) -> list[str]:
    """The same of a hub id: its small files come from the cache or the hub, the weights only with the engine."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def fetched(name: str) -> Path | None:
        try:
            return _fetched(model, name)
        except LocalEntryNotFoundError:  # a kind of EntryNotFoundError that says nothing of the hub: it was not asked
            raise
        except EntryNotFoundError:
            return None

    try:
        if fetched("config.json") is None:
            return [f"model '{model}' on the hub has no config.json; give a model that vLLM serves"]
        settings = fetched("tokenizer_config.json")
        if (settings is None or not _names_template(settings)) and not any(fetched(name) for name in TEMPLATES):
            return [_without_template(model)]
    except Exception as error:  # the hub's client raises some twenty kinds, of requests and of its own
        why = str(error).strip().split("\n")[0]
        return [
            f"model '{model}' is no folder here, and as a hub id it cannot be had ({why}); "
            "correct the name, or fetch the model and give its folder"
        ]
    return []


def _names_template(settings: Path) -> bool:
    found = json.loads(settings.read_text(encoding="utf-8"))
    return isinstance(found, dict) and bool(found.get("chat_template"))


def _without_template(model: str) -> str:
    return (
        f"model '{model}' has no chat template (in tokenizer_config.json or chat_template.jinja), so it cannot be "
        "asked; give an instruction-tuned model, or put its template into chat_template.jinja"
    )
