"""How many of a model's replies each of our prompts accepts, and why the others are refused.

DOCUMENTS English and as many Chinese articles of FOLDER/wikipedia go through all prompts of their language, as in
`orefine run --pilot`, with SmolLM2-135M in vLLM. A reply that runs into its limit counts as `truncated`; the level
itself would ask once more with twice the room. Replies are kept in OUT: a run that was stopped goes on from there.

    python -m benchmarks.l3_accept FOLDER --output OUT [--documents 20] [--tokens 256]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.l3_prefix import articles
from pipeline.run.ledger import Ledger
from pipeline.run.pilot import lines_of, try_out
from pipeline.steps import Reply, Request
from pipeline.store.store import open_store
from stages.l3_synthesize.prompts.prompt import FOLDER, load_prompt
from stages.l3_synthesize.rewrite import EveryPrompt


class OnceEach(EveryPrompt):
    """Asks no request again."""

    def ask_again(self, request: Request, reply: Reply) -> Request | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=256, help="of an answer")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    prompts = tuple(load_prompt(file).id for file in sorted(FOLDER.glob("*.md")))
    step = OnceEach(prompts=prompts, max_new_tokens=options.tokens, min_words=25)
    batches = [articles(options.folder, language, options.documents) for language in ("en", "zh")]
    ledger = Ledger(open_store(str(options.output)))
    found = try_out(step, step, batches, ledger, sum(map(len, batches)))
    if options.json:
        options.json.write_text(json.dumps(found.as_json(None), indent=1, ensure_ascii=False), encoding="utf-8")
    lines = lines_of(found, None)
    head = next(number for number, line in enumerate(lines) if line.startswith("prompt "))
    print("\n".join(lines[head:]))


if __name__ == "__main__":
    main()
