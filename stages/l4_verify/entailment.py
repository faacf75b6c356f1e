"""Does a source entail each sentence of its rewrite, by a small model for natural language inference?

Statistical: a pass is evidence beside formal checks and never certifies alone (`policy.py`), and a low score is no
proof of a defect, so the checker abstains (`not_entailed`) where a formal one would fail. By default such rows stay and
their scores show people where to look first.

The model is a folder with *.safetensors and a `config.json` whose labels name one that entails ("entailment",
"supported"). Each pair is scored by itself, since padding to the others of a batch would move the last digits of a
score from batch to batch. Thresholds of papers do not transfer: choose `minimum` on rows that people have judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from pipeline.store.shard import file_sha256
from stages.l4_verify.claims import sentences

ENTAILS = re.compile(r"\A(?:entail|support)", re.IGNORECASE)
FILES = ("config.json", "*.safetensors", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.model")


class Entailment(Checker):
    """Pass rows of which the source entails every sentence with at least `minimum`. model: folder of an NLI model."""

    kind: Literal["entailment"] = "entailment"
    means: ClassVar[Literal["formal", "human", "statistical"]] = "statistical"
    model: str
    minimum: float = Field(0.5, gt=0, lt=1)
    max_tokens: int = Field(512, ge=16)
    on_abstain: Literal["refuse", "keep"] = "keep"
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "torch")

    def extras(self) -> tuple[str, ...]:
        return ("entailment",)

    def identity(self) -> dict[str, Any]:
        """The model counts by its files (`assets`), not by where it lies."""
        return self.model_dump(mode="json", exclude={"model"})

    def assets(self) -> Mapping[str, str]:
        folder = Path(self.model)
        files = sorted({file for pattern in FILES for file in folder.glob(pattern)})
        return {file.name: file_sha256(file) for file in files}

    def resolve(self) -> Iterable[str]:
        folder = Path(self.model)
        if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
            yield f"entailment: model '{folder}' is no folder with config.json and *.safetensors; give one"
            return
        labels = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("id2label") or {}
        if not any(ENTAILS.match(str(label)) for label in labels.values()):
            yield f"entailment: the labels of '{folder}' are {list(labels.values())}, and none says that it entails"

    def check_input(self, schema: pa.Schema) -> None:
        super().check_input(schema)
        if "source_text" not in schema.names:
            raise ValueError("entailment compares with the column 'source_text', which is not here")

    def prepare(self) -> None:
        _loaded(self.model)

    def check(self, batch: Batch) -> Verdicts:
        verdicts = Verdicts()
        for text, source in zip(batch.text.to_pylist(), batch.column("source_text").to_pylist(), strict=True):
            claims = [one.text for one in sentences(text or "") if not one.text.rstrip().endswith(("?", "？"))]
            if not source or not claims:
                verdicts.add("abstain", "no_source" if not source else "nothing_to_check")
                continue
            scores = [round(self._score(source, claim), 3) for claim in claims]
            weakest = min(range(len(scores)), key=scores.__getitem__)
            evidence = {"scores": scores, "weakest": claims[weakest][:300]}
            is_low = scores[weakest] < self.minimum
            verdicts.add("abstain" if is_low else "pass", "not_entailed" if is_low else "", evidence)
        return verdicts

    def _score(self, source: str, claim: str) -> float:
        """The probability that the source entails the claim; what does not fit is cut from the source's end."""
        import torch

        tokenizer, model, label = _loaded(self.model)
        pair = tokenizer(source, claim, truncation="only_first", max_length=self.max_tokens, return_tensors="pt")
        with torch.inference_mode():
            return float(torch.softmax(model(**pair).logits[0].double(), 0)[label])


@cache
def _loaded(folder: str) -> tuple[Any, Any, int]:
    """Tokenizer, model, and the place of the label that entails."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    # Data, no code: neither Python files of the model's own nor pickled weights.
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    label = next(place for place, name in sorted(model.config.id2label.items()) if ENTAILS.match(str(name)))
    return tokenizer, model, int(label)
