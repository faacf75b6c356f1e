"""How to train a quality classifier: what a user may set, and what the number of seeds decides where nothing is set.

fastText takes one step for each text and epoch. Ultra-FineWeb's settings are made for hundreds of thousands of seeds:
on a few hundred they take so few and so small steps that every score lies at 0.5.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stages.l2_select.train.seeds import Seeds

MINIMUM_ROWS = 50  # per class; below, the held-out part is a handful of texts and its figures say nothing
MANY = 100_000
"""Texts to train from, of both classes, from which on the published settings hold."""
PUBLISHED = {"dim": 256, "lr": 0.1, "word_ngrams": 3, "min_count": 5, "epochs": 3}  # arXiv 2505.05427
FEWER = {"dim": 32, "lr": 0.5, "word_ngrams": 2, "min_count": 3}
VISITS = 25_000
"""Texts times epochs with `FEWER`. Measured on Wikipedia and C4 against FineWeb, 60 to 2,600 seeds of a class: with a
quarter of it the scores of 250 seeds stay within 0.01 of 0.5, with four times as many they end at 0 and 1 and no longer
are probabilities; held-out ROC-AUC .97 at 250 seeds, .98 at 1,000, .98 at 2,600."""
EPOCHS = (5, 50)
"""At least and at most. With 60 seeds of a class 50 epochs spread the scores from 0.05 to 0.95."""


class TrainSettings(BaseModel):
    """How to train. What is None follows from the number of seeds (`for_texts`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    per_class: Annotated[int, Field(ge=MINIMUM_ROWS)] = 100_000
    """At most so many texts of each class, chosen by content hash."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    dim: Annotated[int, Field(ge=1)] | None = None
    lr: Annotated[float, Field(gt=0)] | None = None
    word_ngrams: Annotated[int, Field(ge=1)] | None = None
    min_count: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    bucket: Annotated[int, Field(ge=1)] = 200_000
    """Hashed n-grams. A tenth of fastText's default (Ultra-FineWeb states none): the file takes 4 · dim bytes each."""
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1)] = 1
    """With more than one, each training gives another model: threads write to the same weights as they come."""
    calibrate: bool = False
    """Let the score be calibrated by Platt's scaling; the classes are balanced, so 0.5 is even odds of those."""
    minimum_auc: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Held-out ROC-AUC below which the classifier is refused; 0.5 is chance."""
    minimum_spread: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Distance of the 5 % and 95 % quantile of held-out scores below which it is refused: no threshold parts them."""

    def for_texts(self, texts: int) -> dict[str, Any]:
        """dim, lr, word_ngrams, min_count and epochs for so many texts to train from; what is set stays."""
        fewest, most = EPOCHS
        scaled = PUBLISHED if texts >= MANY else FEWER | {"epochs": min(max(round(VISITS / texts), fewest), most)}
        return scaled | {name: value for name in scaled if (value := getattr(self, name)) is not None}


class TrainSpec(TrainSettings):
    """A recipe's `train`: the settings and where the seeds come from."""

    positives: Seeds
    negatives: Seeds
    if_too_few: Literal["stop", "skip"] = "stop"
    """skip: leave the classifier out, and the steps that read its column, and say so."""

    @model_validator(mode="after")
    def _rest_of_something(self) -> TrainSpec:
        if self.positives.rest and self.negatives.rest:
            raise ValueError("only one class can be the rest; give the other one `hosts` or `paths`")
        return self

    def classes(self) -> dict[str, Seeds]:
        return {"positives": self.positives, "negatives": self.negatives}
