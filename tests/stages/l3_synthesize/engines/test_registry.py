"""A model is data: what would run code when it is loaded is refused before anything starts, and by vLLM again."""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.l3_synthesize.engines import registry
from stages.l3_synthesize.engines.model_files import hub_commit
from stages.l3_synthesize.engines.registry import assets_of, open_engine
from stages.l3_synthesize.engines.vllm_engine import VllmEngine
from stages.l3_synthesize.rewrite import Rewrite


def test_pickled_weights_are_refused_with_the_recipe(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(ValueError, match=r"holds no \*\.safetensors; other weights are pickles"):
        Rewrite(model=str(tmp_path)).assets()
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert len(Rewrite(model=str(tmp_path)).assets()["model"]) == 64


def test_vllm_is_told_to_run_no_code_and_to_read_no_pickles(monkeypatch: pytest.MonkeyPatch):
    asked: dict[str, Any] = {}
    arguments = SimpleNamespace(AsyncEngineArgs=lambda **given: asked.update(given))
    monkeypatch.setitem(sys.modules, "vllm.engine.arg_utils", arguments)
    engines = SimpleNamespace(AsyncLLM=SimpleNamespace(from_engine_args=lambda _: None))
    monkeypatch.setitem(sys.modules, "vllm.v1.engine.async_llm", engines)
    for name in ("on_cpu", "dtype"):
        monkeypatch.setattr(f"stages.l3_synthesize.engines.vllm_engine.{name}", lambda: False)
    asyncio.run(VllmEngine("folder", "name", "revision", 100, 2)._open())
    assert (asked["trust_remote_code"], asked["load_format"]) == (False, "safetensors")


def test_a_hub_id_is_pinned_to_the_commit_that_it_stands_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked = []

    def download(model: str, name: str, revision: str | None) -> str:
        asked.append((model, name, revision))
        return str(tmp_path / "snapshots" / ("a" * 40) / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    hub_commit.cache_clear()
    assert assets_of("vllm", "owner/name@v1.0") == {"model": "a" * 40}
    engine = open_engine("vllm", "owner/name@v1.0", 100, 2)
    assert asked == [("owner/name", "config.json", "v1.0")]
    assert engine.model == "name@" + "a" * 12
    monkeypatch.setattr("stages.l3_synthesize.engines.vllm_engine.on_cpu", lambda: False)
    settings = engine.settings()
    assert (settings["model"], settings["revision"], settings["tokenizer_revision"]) == (
        "owner/name", "a" * 40, "a" * 40,
    )  # fmt: skip
    registry._open.popitem()
    hub_commit.cache_clear()
