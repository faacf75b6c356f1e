"""L3 beside `ray.data.llm`, the other batch layer over vLLM: the same token ids, sampling, engine settings and machine.

Output tokens a second by the wall, from the first request to the last reply. `ray.data.llm` starts its engine with each
dataset, so it is timed once with one row and once with all, and the difference counts; ours is asked for one row first.
It gets token ids: neither its chat template nor its tokenizer nor its detokenizer runs. Its engine has a bundle of one
core, as ours has one, and one Ray worker beside it.

    python -m benchmarks.l3_ray_data FOLDER [--requests 128] [--tokens 48] [--at-once 32]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.l3_throughput import once, through_stage
from stages.l3_synthesize.engines.vllm_engine import ENVIRONMENT, VllmEngine


def by_ray(engine: VllmEngine, rows: list[dict[str, Any]], batch: int) -> tuple[float, int]:
    """Seconds with the engine's start, and output tokens."""
    import ray.data
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    unsaid = ("model", "enable_log_requests")  # the second makes its actor die of a repeated argument (Ray 2.60)
    settings = {name: value for name, value in engine.settings().items() if value is not None and name not in unsaid}
    off = {"enabled": False}
    processor = build_processor(
        vLLMEngineProcessorConfig(
            model_source=engine.settings()["model"], engine_kwargs=settings, batch_size=batch, concurrency=1,
            accelerator_type=None, placement_group_config={"bundles": [{"CPU": 1}]}, log_engine_metrics=False,
            chat_template_stage=off, tokenize_stage=off, detokenize_stage=off,
        )
    )  # fmt: skip
    begin = time.monotonic()
    done = processor(ray.data.from_items(rows)).take_all()
    return time.monotonic() - begin, sum(len(row["generated_tokens"]) for row in done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--at-once", type=int, default=32)
    options = parser.parse_args()

    step = once(options.tokens, options.at_once, "rephrase")
    requests, ours, _ = through_stage(options.folder, step, options.requests)
    engine = step._engine()
    assert isinstance(engine, VllmEngine)
    rows = [
        {"prompt": "", "tokenized_prompt": engine._chat.encode(one.messages), "sampling_params": dict(one.sampling)}
        for one in requests
    ]
    import ray

    offline = {"HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    ray.init(num_cpus=2, runtime_env={"env_vars": {**ENVIRONMENT, **offline}}, include_dashboard=False)
    start, few = by_ray(engine, rows[:1], options.at_once)
    whole, tokens = by_ray(engine, rows, options.at_once)
    theirs = {"tokens": tokens - few, "seconds": whole - start, "start": start}
    rate, other = ours["tokens"] / ours["seconds"], theirs["tokens"] / theirs["seconds"]
    print(json.dumps({"requests": len(rows), "ours": ours, "ray_data_llm": theirs, "ratio": rate / other}, indent=1))


if __name__ == "__main__":
    main()
