"""A proxy model's folder loads in vLLM and says there what it says in transformers."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.ablation.compare import ablate
from pipeline.ablation.model import BUDGETS
from tests.pipeline.ablation.helpers import sentences, write

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
PROMPT = "the river crossed the"
IN_VLLM = """
import json, sys
from vllm import LLM, SamplingParams

if __name__ == "__main__":
    memory = {"max_model_len": 64, "max_num_seqs": 2, "gpu_memory_utilization": 0.05}
    model = LLM(sys.argv[1], enforce_eager=True, dtype="float32", **memory)
    (found,) = model.generate([sys.argv[2]], SamplingParams(temperature=0, max_tokens=12, ignore_eos=True))
    print(json.dumps(list(found.outputs[0].token_ids)))
"""


def test_a_checkpoint_generates_the_same_in_vllm(tmp_path: Path) -> None:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("package vllm is not installed; this test needs it")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write(tmp_path / "arm.parquet", sentences(300, 1))
    write(tmp_path / "held.parquet", sentences(20, 2))
    budget = replace(BUDGETS["toy"], steps=40, vocabulary=300, seeds=2, heldout_bytes=8_000, ngram_tokens=5_000)
    arm = [tmp_path / "arm.parquet"]
    ablate(arm, arm, tmp_path / "out", budget, [tmp_path / "held.parquet"], keep_models=True)
    folder = sorted((tmp_path / "out/models").iterdir())[0]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    expected = model.generate(ids, max_new_tokens=12, min_new_tokens=12, do_sample=False)[0, ids.shape[1] :].tolist()
    (tmp_path / "in_vllm.py").write_text(IN_VLLM, encoding="utf-8")
    command = [sys.executable, tmp_path / "in_vllm.py", folder, PROMPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == expected
