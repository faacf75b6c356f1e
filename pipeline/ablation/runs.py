"""The runs of an ablation: each is trained and scored once, and found by its name afterwards."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ablation.data import Arm, Domain
from pipeline.ablation.model import Budget
from pipeline.rows.document import content_hash
from pipeline.store.artifact import Artifact
from pipeline.store.local import LocalStore

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

    from pipeline.ablation.tokenizer import Corpus


@dataclass(frozen=True)
class Runs:
    """Makes the runs of an arm, or finds them finished under `output`."""

    output: Path
    budget: Budget
    tokenizer: Tokenizer
    held: Sequence[Domain]
    setting: Mapping[str, Any]
    progress: Callable[[str], None]
    keep_models: bool

    def of(self, name: str, arm: Arm, count: int) -> list[dict[str, Any]]:
        """One record for each seed from 0 to `count - 1`."""
        from pipeline.ablation.tokenizer import tokenize

        runs = [self._artifact(f"{name}-{seed}-{self._key(arm, seed)}") for seed in range(count)]
        if any(run.state() != "done" for run in runs):
            corpus = tokenize(arm, self.tokenizer)
            for seed, run in enumerate(runs):
                run.make(partial(self._run, name, corpus, seed, self._folder(run)), alone=self.progress)
        return [json.loads((self.output / run.done).read_bytes()) for run in runs]

    def _key(self, arm: Arm, seed: int) -> str:
        setting = {name: self.setting[name] for name in ("protocol", "tokenizer", "device", "versions")}
        budget = {name: value for name, value in asdict(self.budget).items() if name not in ("name", "seeds")}
        held = self.setting["heldout"]["identity"]
        return content_hash(json.dumps([setting, budget, held, arm.identity, seed], sort_keys=True))[:12]

    def _artifact(self, name: str) -> Artifact:
        run = Artifact(LocalStore(self.output), f"runs/{name}", f"runs/{name}.json")
        if self.keep_models and not self._folder(run).is_dir():  # made by a run that did not keep them
            LocalStore(self.output).remove(run.done)
        return run

    def _folder(self, run: Artifact) -> Path:
        return self.output / "models" / run.key.rpartition("/")[2]

    def _run(self, name: str, corpus: Corpus, seed: int, folder: Path) -> bytes:
        from pipeline.ablation.evaluate import document_bits
        from pipeline.ablation.tokenizer import encode
        from pipeline.ablation.train import deterministic, train

        budget, vocabulary, started = self.budget, self.tokenizer.get_vocab_size(), time.monotonic()
        self.progress(f"{name}, seed {seed}: training on {budget.tokens:,} tokens")
        with deterministic(budget.cpu_threads):
            model = train(budget, vocabulary, corpus, seed, lambda line: self.progress(f"{name}, seed {seed}: {line}"))
            trained = time.monotonic()
            bits = {}
            for domain in self.held:
                documents = encode(self.tokenizer, domain.texts)
                scores = document_bits(model, documents, vocabulary - 1, budget.sequence, budget.micro_batch)
                bits[domain.name] = scores.tolist()
        if self.keep_models and not folder.is_dir():
            _save(model, self.tokenizer, folder)
        bpb = {domain.name: sum(bits[domain.name]) / int(domain.sizes.sum()) for domain in self.held}
        self.progress(f"{name}, seed {seed}: " + ", ".join(f"{key} {value:.4f} BPB" for key, value in bpb.items()))
        record = {
            "arm": name,
            "seed": seed,
            "bpb": {**bpb, "mean": sum(bpb.values()) / len(bpb)},
            "parameters": model.num_parameters(),
            "tokens": budget.tokens,
            "unique_tokens": corpus.unique_tokens,
            "epochs": budget.tokens / len(corpus.tokens),
            "train_seconds": round(trained - started, 1),
            "evaluate_seconds": round(time.monotonic() - trained, 1),
            "bits": bits,
        }
        return _json(record).encode()


def _save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """The model and its tokenizer in the layout of Hugging Face; the folder appears when it is complete."""
    from transformers import PreTrainedTokenizerFast

    from pipeline.ablation.tokenizer import BOS

    temporary = folder.with_name(f".{folder.name}")
    model.save_pretrained(temporary)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS).save_pretrained(temporary)
    temporary.rename(folder)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, _json(value))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Under a temporary name first, so that a file that is there is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
