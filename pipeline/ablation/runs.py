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

from pipeline.ablation import ngram
from pipeline.ablation.data import Arm
from pipeline.ablation.heldout import Domain
from pipeline.ablation.model import Budget
from pipeline.ablation.order import Stream
from pipeline.ablation.tasks import Scorer, Task
from pipeline.rows.document import content_hash
from pipeline.steps import FloatArray
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
    rulers: Sequence[Domain | Task]
    setting: Mapping[str, Any]
    progress: Callable[[str], None]
    keep_models: bool
    trunk: Path | None = None
    """The model that runs continue; its hash is in the settings."""

    def of(self, name: str, arm: Arm, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """One record for each seed."""
        runs = {seed: self._artifact(name, arm, seed) for seed in seeds}
        if any(run.state() != "done" for run in runs.values()):
            corpus = self.tokens(name, arm)
            for seed, run in runs.items():
                run.make(partial(self._run, name, corpus, seed, run), alone=self.progress)
        return [json.loads((self.output / run.done).read_bytes()) for run in runs.values()]

    def is_done(self, name: str, arm: Arm, seed: int) -> bool:
        """Whether the run's record is there."""
        return self._artifact(name, arm, seed).state() == "done"

    def tokens(self, name: str, arm: Arm) -> Corpus:
        """The arm's text as tokens, in a shard under `output` that is made once."""
        from pipeline.ablation.tokenizer import tokenize

        return tokenize(arm, self.tokenizer, self._shard(name, arm))

    def _key(self, arm: Arm, seed: int) -> str:
        names = ("protocol", "tokenizer", "device", "versions", "weight_decay", "trunk")
        setting = {name: self.setting[name] for name in names}
        budget = {name: value for name, value in asdict(self.budget).items() if name not in ("name", "seeds")}
        ruler = self.setting["ruler"]["identity"]
        return content_hash(json.dumps([setting, budget, ruler, arm.identity, seed], sort_keys=True))[:12]

    def _shard(self, name: str, arm: Arm) -> Path:
        """Of the arm's tokens: other than a run it also depends on the order of the rows in the files."""
        tokenizer = json.dumps(self.setting["tokenizer"], sort_keys=True)
        key = content_hash(arm.keys[arm.chosen].tobytes(), tokenizer, arm.identity)[:12]
        return self.output / "tokens" / f"{name}-{key}"

    def _artifact(self, name: str, arm: Arm, seed: int) -> Artifact:
        key = f"runs/{name}-{seed}-{self._key(arm, seed)}"
        run = Artifact(LocalStore(self.output), key, f"{key}.json")
        if self.keep_models and not self._folder(run).is_dir():  # made by a run that did not keep them
            LocalStore(self.output).remove(run.done)
        return run

    def _folder(self, run: Artifact) -> Path:
        return self.output / "models" / run.key.rpartition("/")[2]

    def _run(self, name: str, corpus: Corpus, seed: int, run: Artifact) -> bytes:
        from pipeline.ablation.train import deterministic, train

        budget, vocabulary, started = self.budget, self.tokenizer.get_vocab_size(), time.monotonic()
        checkpoint, folder = self.output / "checkpoints" / f"{run.key.rpartition('/')[2]}.pt", self._folder(run)
        self.progress(f"{name}, seed {seed}: training on {budget.tokens:,} tokens")
        tell = partial(self._tell, f"{name}, seed {seed}")
        with deterministic(budget.cpu_threads):
            trained = train(
                budget, vocabulary, corpus, seed, tell, self.setting["weight_decay"], checkpoint, self.trunk
            )
            ended = time.monotonic()
            bits, accuracy = self._score(self._by_model(trained.model))
        counted = ngram.count(Stream(corpus, seed, budget.sequence).read(0, budget.ngram_tokens))
        ngram_bits, _ = self._score(partial(ngram.document_bits, counted, bos=vocabulary - 1, vocabulary=vocabulary))
        if self.keep_models and not folder.is_dir():
            _save(trained.model, self.tokenizer, folder)
        bpb = self._rates(bits)
        tell(", ".join(f"{key} {value:.4f} BPB" for key, value in bpb.items()))
        record = {
            "arm": name,
            "seed": seed,
            "bpb": bpb,
            "accuracy": accuracy,
            "ngram_bpb": self._rates(ngram_bits),
            "parameters": trained.model.num_parameters(),
            "tokens": budget.tokens,
            "ngram_tokens": budget.ngram_tokens,
            "unique_tokens": corpus.unique_tokens,
            "epochs": budget.tokens / corpus.pass_tokens,
            "train_seconds": round(ended - started, 1),
            "evaluate_seconds": round(time.monotonic() - ended, 1),
            "curve": trained.curve,
            "bits": {name: values.tolist() for name, values in bits.items()},
            "ngram_bits": {name: values.tolist() for name, values in ngram_bits.items()},
        }
        return _json(record).encode()

    def _tell(self, name: str, line: str) -> None:
        self.progress(f"{name}: {line}")

    def _by_model(self, model: LlamaForCausalLM) -> Scorer:
        from pipeline.ablation.evaluate import document_bits

        bos, budget = self.tokenizer.get_vocab_size() - 1, self.budget
        return lambda documents, given: document_bits(model, documents, bos, budget.sequence, budget.micro_batch, given)

    def _score(self, scorer: Scorer) -> tuple[dict[str, FloatArray], dict[str, float]]:
        """Bits of each held-out document and each right answer, and the accuracy of each task."""
        from pipeline.ablation.tokenizer import encode

        bits, accuracy = {}, {}
        for ruler in self.rulers:
            if isinstance(ruler, Task):
                bits[ruler.name], accuracy[ruler.name] = ruler.score(partial(encode, self.tokenizer), scorer)
            else:
                bits[ruler.name] = scorer(encode(self.tokenizer, ruler.texts), [0] * len(ruler.texts))
        return bits, accuracy

    def _rates(self, bits: Mapping[str, FloatArray]) -> dict[str, float]:
        rates = {ruler.name: float(bits[ruler.name].sum() / ruler.sizes.sum()) for ruler in self.rulers}
        return {**rates, "mean": sum(rates.values()) / len(rates)}


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
