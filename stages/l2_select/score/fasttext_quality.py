"""Score each document with a fastText quality classifier.

| column    | type    | meaning                                                             |
|-----------|---------|---------------------------------------------------------------------|
| `column`  | float32 | P(label), at most 1; null if the model knows nothing of the text    |
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import StringConstraints, model_validator

from pipeline.books.guard import guarded, sha256_of
from pipeline.rows.batch import Batch
from pipeline.steps import Scorer
from pipeline.store.local_copy import local_copy
from stages.l2_select.normalize.normalizers import (
    Normalizer,
    load_ultrafine,
    normalize,
    tokenizer_file,
    tokenizers_version,
)
from stages.l2_select.train.calibration import apply_platt
from stages.l2_select.train.seeds import ReadTexts
from stages.l2_select.train.settings import TrainSpec
from stages.l2_select.train.train_classifier import POSITIVE, collect_seeds, train

if TYPE_CHECKING:
    from pipeline.kernels.classifier.fasttext import Classifier
    from pipeline.kernels.classifier.fasttext_features import PieceFeatures
    from stages.l2_select.normalize.ultrafine import Ultrafine

Array = np.ndarray[Any, Any]

HUB = "hf://"
CHECKED_WORDS = 20_000
TOKENIZER_SHARE = 0.9
"""Of the model's words, those that its tokenizer can make. Its own makes all; another one splits elsewhere."""


class FasttextQuality(Scorer):
    """Add P(label) of a fastText classifier: one that is given (`model`), or one trained from seeds (`train`)."""

    kind: Literal["fasttext_quality"] = "fasttext_quality"
    model: str | None = None
    """A .bin or .ftz file, or hf://owner/repository/path/in/it.bin[@revision]."""
    train: TrainSpec | None = None
    normalizer: Normalizer = "plain"
    tokenizer: str | None = None
    """`ultrafine` only: a tokenizer.json, or the folder that holds it."""
    column: str = "quality"
    label: str = POSITIVE
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    """What the model file must hash to."""
    platt: tuple[float, float] | None = None
    """Slope and intercept that calibrate the score, as a model card gives them; `train: {calibrate: true}` sets it."""

    @model_validator(mode="after")
    def _one_model(self) -> FasttextQuality:
        if (self.model is None) == (self.train is None):
            raise ValueError("fasttext_quality needs exactly one of `model` (a file) and `train` (seeds)")
        if (self.normalizer == "ultrafine") != (self.tokenizer is not None):
            raise ValueError("`tokenizer` belongs to normalizer 'ultrafine', which needs one: a tokenizer.json")
        if self.train is not None and (self.label != POSITIVE or self.sha256 or self.platt):
            raise ValueError(f"a model trained here has the label {POSITIVE}; drop `label`, `sha256` and `platt`")
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field(self.column, pa.float32()),)

    def extras(self) -> tuple[str, ...]:
        hub = ("remote",) if (self.model or "").startswith(HUB) else ()
        return (*hub, "ultrafine") if self.normalizer == "ultrafine" else hub

    def identity(self) -> dict[str, Any]:
        """Without paths: the content of the files counts (`assets`), not where they lie."""
        paths: dict[str, Any] = {"model": True, "tokenizer": True, "sha256": True}
        paths["train"] = {"positives": {"paths"}, "negatives": {"paths"}}
        tokenizers = {"tokenizers": tokenizers_version()} if self.tokenizer else {}
        return self.model_dump(mode="json", exclude=paths) | tokenizers

    def shows(self) -> dict[str, Any]:
        return {} if self.model is None else {"classifier": sha256_of(self._model_path())}

    def assets(self) -> Mapping[str, str]:
        files = {}
        if self.model is not None:
            files["model"] = self._model_path()
        if self.tokenizer is not None:
            files["tokenizer"] = tokenizer_file(self.tokenizer)
        if self.train is not None:
            for name, seeds in (("positives", self.train.positives), ("negatives", self.train.negatives)):
                files |= {f"{name}.{index}": Path(path) for index, path in enumerate(seeds.files())}
        hashes = {name: sha256_of(path) for name, path in files.items()}
        if self.sha256 not in (None, hashes.get("model")):
            raise ValueError(
                f"model {self.model} has sha256 {hashes['model']}, the recipe wants {self.sha256}; "
                "fetch the right file or correct the recipe"
            )
        return hashes

    def resolve(self) -> Iterable[str]:
        self.check_model()
        return ()

    def pending(self) -> str:
        return "trains a classifier from its seeds" if self.train is not None else ""

    def check_input(self, schema: pa.Schema) -> None:
        seeds = (self.train.positives, self.train.negatives) if self.train is not None else ()
        if any(one.hosts for one in seeds) and "url" not in schema.names:
            raise ValueError("the seeds are chosen by host, but the input has no column 'url'; give `paths` instead")

    def check_model(self) -> None:
        """Raise ValueError if the model, its labels or its tokenizer cannot be used; before a run, since it is slow."""
        self.assets()
        if self.train is not None:
            return
        self.prepare()
        if self.tokenizer is not None:
            self._check_tokenizer(self.tokenizer)

    def _check_tokenizer(self, tokenizer: str) -> None:
        from pipeline.kernels.classifier.fasttext_file import spelled

        features = self._classifier().features
        words = spelled(features.spelling, features.starts[: min(features.words, CHECKED_WORDS) + 1])
        spelling = load_ultrafine(tokenizer_file(tokenizer)).spelling
        pieces = {word for words in spelling.to_pylist() for word in words.split()}
        known = sum(word in pieces for word in words if word != "</s>")
        if known < TOKENIZER_SHARE * (len(words) - 1):
            raise ValueError(
                f"tokenizer {tokenizer} can make {known} of the {len(words) - 1} most frequent words of {self.model}, "
                f"and {TOKENIZER_SHARE:.0%} are needed; give the tokenizer that the model was trained with"
            )

    def prepare(self) -> None:
        if self.sha256:
            self.assets()  # a worker must load what was pinned, not what lies there by now
        classifier = self._classifier()
        if self.label not in classifier.labels:
            raise ValueError(
                f"model {self.model} has no label '{self.label}', only {', '.join(classifier.labels[:20])}; "
                "set the step's `label`"
            )
        if self.tokenizer is not None:
            load_ultrafine(tokenizer_file(self.tokenizer))

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        classifier = self._classifier()
        scores = self._probabilities(classifier, batch.text)[:, classifier.labels.index(self.label)]
        if self.platt is not None:
            scores = apply_platt(scores, *self.platt).astype(np.float32)
        return {self.column: pa.array(np.minimum(scores, np.float32(1)), pa.float32(), from_pandas=True)}

    def _probabilities(self, classifier: Classifier, texts: pa.StringArray) -> Array:
        if self.tokenizer is not None:
            normalizer = load_ultrafine(tokenizer_file(self.tokenizer))
            tokens = normalizer.tokens(texts)
            return classifier.probabilities_of(tokens.numbers, tokens.begins, _features(classifier, normalizer))
        # The scorer itself takes newlines for spaces, so plain text goes in as it is.
        return classifier.probabilities(texts if self.normalizer == "plain" else normalize(texts, self.normalizer))

    def fitted(self, rows: Iterable[pa.RecordBatch], folder: Path, read_texts: ReadTexts) -> FasttextQuality:
        """The same step with a model trained from its seeds into `folder`; itself if it has a model already.

        `rows` are the level's input (`text`, `url`); they are read only if the seeds are chosen among them.
        """
        if self.train is None:
            return self
        positives, negatives = collect_seeds(self.train, rows, read_texts)
        report = train(positives, negatives, self.train, folder, self.normalizer, self.tokenizer)
        trained = self.with_card(folder / report.model, asdict(report))
        return trained.model_copy(update={"sha256": report.sha256})

    def with_card(self, model: Path | str, card: Mapping[str, Any]) -> FasttextQuality:
        """The same step with the model that was trained for it, of which this is the card."""
        platt = tuple(card["platt"]) if self.train is not None and self.train.calibrate else None
        return self.model_copy(update={"model": str(model), "train": None, "platt": platt})

    def _classifier(self) -> Classifier:
        from pipeline.kernels.classifier.fasttext import load_classifier  # numba takes two seconds to import

        return guarded(load_classifier, self._model_path())

    def _model_path(self) -> Path:
        if self.model is None:
            raise ValueError("this classifier is not trained yet; call `fitted` before the level runs")
        if not self.model.startswith(HUB):
            return local_copy(self.model)
        from huggingface_hub import hf_hub_download

        name, _, revision = self.model.removeprefix(HUB).partition("@")
        if name.count("/") < 2:
            raise ValueError(f"model {self.model} names no file; give hf://owner/repository/path/in/it.bin[@revision]")
        owner, repository, path = name.split("/", 2)
        return Path(hf_hub_download(f"{owner}/{repository}", path, revision=revision or None))


@functools.lru_cache(maxsize=8)
def _features(classifier: Classifier, normalizer: Ultrafine) -> PieceFeatures:
    return classifier.features_of(normalizer.spelling)
