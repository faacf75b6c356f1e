"""Which share of the prompts' tokens an engine's prefix cache can hold, for each prompt of L3 and size of block.

Counted from token ids, with no model: the same articles of Wikipedia in the prompt's language go through the step
`rewrite`, and of each request the leading full blocks count that an earlier one had too. An engine with room for all
of them finds these; vLLM's blocks hold 16 tokens on a GPU, 32 on a CPU as we start it.

    python -m benchmarks.l3_prefix FOLDER [--documents 200] [--tokens 100 200 1000] [--rewrites 1]
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
from itertools import islice
from pathlib import Path

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, content_hash
from pipeline.steps import Request
from stages.l3_synthesize.engines.engine import Engine
from stages.l3_synthesize.engines.vllm_engine import VllmEngine
from stages.l3_synthesize.prompts.prompt import FOLDER, Prompt, load_prompt
from stages.l3_synthesize.rewrite import Rewrite

BLOCKS = (16, 32, 128)


def articles(folder: Path, language: str, count: int) -> Batch:
    """Articles of at least 1,000 characters; in Chinese a third of that says as much."""
    with gzip.open(folder / "wikipedia" / f"{language}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = (json.loads(line)["text"] for line in lines)
        long = list(islice((text for text in texts if len(text) >= (1000 if language == "en" else 333)), count))
    return Batch(pa.RecordBatch.from_pylist([{"id": content_hash(text), "text": text} for text in long], BASE_SCHEMA))


@functools.cache
def engine() -> VllmEngine:
    """One for all prompts: only its tokenizer is loaded."""
    found = Rewrite()._engine()
    assert isinstance(found, VllmEngine)
    return found


class OneEngine(Rewrite):
    """Measures passages by it."""

    def _engine(self) -> Engine:
        return engine()


def prompt_ids(prompt: Prompt, batch: Batch, tokens: int, rewrites: int) -> list[list[int]]:
    """The token ids of all requests of a prompt for these documents."""
    step = OneEngine(prompts=(prompt.id,), max_input_tokens=tokens, prompts_per_document=rewrites)
    return [engine()._chat.encode(one.messages) for one in step.requests(batch) if isinstance(one, Request)]


def cached_share(prompts: list[list[int]], block: int) -> float:
    """Tokens in leading full blocks that an earlier prompt had, over all tokens."""
    seen: set[tuple[int, ...]] = set()
    found = 0
    for ids in prompts:
        ends = range(block, len(ids) + 1, block)
        found += block * sum(tuple(ids[:end]) in seen for end in ends)
        seen.update(tuple(ids[:end]) for end in ends)
    return found / max(sum(map(len, prompts)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--tokens", type=int, nargs="+", default=[100, 200, 1000])
    parser.add_argument("--rewrites", type=int, default=1, help="of a document by the same prompt")
    options = parser.parse_args()
    batches = {language: articles(options.folder, language, options.documents) for language in ("en", "zh")}
    print("prompt                       passage  requests  mean prompt  " + "  ".join(f"{b:>4}" for b in BLOCKS))
    for file in sorted(FOLDER.glob("*.md")):
        prompt = load_prompt(file)
        language = prompt.languages[0] if prompt.languages else "en"
        for tokens in options.tokens:
            prompts = prompt_ids(prompt, batches[language], tokens, options.rewrites)
            shares = "  ".join(f"{cached_share(prompts, block):4.2f}" for block in BLOCKS)
            mean = sum(map(len, prompts)) / max(len(prompts), 1)
            print(f"{prompt.id:<28} {tokens:>7}  {len(prompts):>8}  {mean:>11.0f}  {shares}", flush=True)


if __name__ == "__main__":
    main()
