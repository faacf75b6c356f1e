"""Judge each document by the parameters of its own language, which the step `language` wrote beside it.

`languages/<code>.yaml` holds, for one language, parameters of the filters by their kind, and under `words` how words
are cut: `spaces` (English rules, good for any script with spaces) or `characters` (Han, kana, Thai, …).
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import ValidationError, model_validator

from pipeline.rows.batch import Batch, BoolArray
from pipeline.steps import Filter
from stages.l1_filter.heuristics.marks import unmarked
from stages.l1_filter.heuristics.signals import Measured, Measuring

if TYPE_CHECKING:
    from pipeline.kernels.words.words import Words

FILES = Path(__file__).parent / "languages"
SECTIONS = ("words", "language", "gopher_repetition", "gopher_quality", "fineweb_quality")
COLUMN = "language"


class ByLanguage(Measuring, Filter):
    """A filter that can take its parameters from files, one for each language.

    What a recipe sets for the step wins over the files. Rows of any other language are dropped as `no_parameters`.
    """

    words: Literal["spaces", "characters"] = "spaces"
    """How words are cut: by English rules, or each character of a script without spaces by itself."""
    languages: tuple[str, ...] = ()
    """Codes with a file here (en, de, fr, zh), or paths of own files (`mine/it.yaml`). Empty: one set for all rows."""

    @abstractmethod
    def measure(self, batch: Batch) -> Measured:
        """Judge by this step's own parameters."""

    @model_validator(mode="after")
    def _parameters_are_valid(self) -> Self:
        _ = self.by_language
        return self

    @cached_property
    def by_language(self) -> Mapping[str, Self]:
        """Language code → the step as it judges that language. Read with the recipe, not by a worker."""
        explicit = {name: getattr(self, name) for name in self.model_fields_set - {"languages"}}
        steps: dict[str, Self] = {}
        for entry in self.languages:
            known = load_language(entry)
            try:
                steps[code_of(entry)] = type(self).model_validate(
                    {"words": known.get("words", "spaces"), **known.get(self.kind, {}), **explicit}
                )
            except ValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
                raise ValueError(f"parameters of {self.kind} for language '{entry}': {wrong}") from None
        return steps

    def identity(self) -> dict[str, Any]:
        """With the parameters that count, so that an edited file is another recipe."""
        if not self.languages:
            return self.model_dump(mode="json")
        return {
            "kind": self.kind,
            "keep_signals": self.keep_signals,
            "languages": {code: step.identity() for code, step in self.by_language.items()},
        }

    def check_input(self, schema: pa.Schema) -> None:
        if self.languages and COLUMN not in schema.names:
            raise ValueError(
                f"{self.kind} by `languages` needs the column '{COLUMN}', which is not there; "
                "put the step `language` before it"
            )

    def judge(self, batch: Batch) -> Measured:
        read = unmarked(batch)
        if not self.languages:
            return self.measure(read)
        judgement = Measured(len(batch))
        unknown = np.ones(len(batch), np.bool_)
        for code, rows, part in parts(read, batch.column(COLUMN)):
            if step := self.by_language.get(code):
                judgement.place(step.measure(part), rows)
                unknown[rows] = False
        judgement.drop(unknown, "no_parameters")
        return judgement

    def split_words(self, batch: Batch) -> Words:
        """The words of the batch as this step counts them, shared with other steps."""
        from pipeline.kernels.words import scripts, words

        if self.words == "characters":
            return batch.derive("characters", scripts.split_characters)
        return batch.derive("words", words.split_words)


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows of a batch by language; each part keeps what is derived from its texts."""

    languages: pa.Array
    parts: tuple[tuple[str, np.ndarray[Any, Any], Batch], ...]
    """(language, its row numbers, its rows)"""

    @classmethod
    def of(cls, texts: pa.StringArray, languages: pa.Array) -> Parts:
        rows = pa.RecordBatch.from_arrays([texts], ["text"])
        encoded = languages.dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1))
        found = []
        for index, code in enumerate(encoded.dictionary.to_pylist()):
            here = codes == index
            found.append((code, np.flatnonzero(here), Batch(rows).filter(here)))
        return cls(languages, tuple(found))

    def filter(self, keep: BoolArray) -> Parts:
        places = np.cumsum(keep) - 1
        found = (
            (code, places[rows[keep[rows]]], part.filter(keep[rows]))
            for code, rows, part in self.parts
            if keep[rows].any()
        )
        return Parts(self.languages.filter(pa.array(keep)), tuple(found))


def parts(batch: Batch, languages: pa.Array) -> tuple[tuple[str, np.ndarray[Any, Any], Batch], ...]:
    """(language, its row numbers, its rows: only the text) for each language of the batch, shared between steps."""
    found = batch.derive("by_language", lambda texts: Parts.of(texts, languages))
    if not found.languages.equals(languages):  # another step has judged the languages anew
        found = Parts.of(batch.text, languages)
    return found.parts


def code_of(entry: str) -> str:
    """The language that an entry of `languages` stands for."""
    return Path(entry).stem if entry.endswith(".yaml") else entry


@cache
def load_language(entry: str) -> Mapping[str, Any]:
    """The parameters for a language code or of a file. Raises ValueError with the nearest codes that are known."""
    from pipeline.steps.safe_yaml import read_yaml

    known = sorted(file.stem for file in FILES.glob("*.yaml"))
    if not entry.endswith(".yaml") and entry not in known:
        near = difflib.get_close_matches(entry.lower(), known, 1, 0.5) or [one for one in known if entry[:2] == one]
        hint = f", did you mean '{near[0]}'?" if near else ""
        raise ValueError(
            f"no parameters for language '{entry}'{hint}; there are {', '.join(known)}, "
            "and a path to a file like theirs adds another"
        )
    path = Path(entry) if entry.endswith(".yaml") else FILES / f"{entry}.yaml"
    try:
        found = read_yaml(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"language file '{entry}' cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise ValueError(f"language file '{entry}' is empty; it must map kinds of steps to their parameters")
    for name in found:
        if name not in SECTIONS:
            raise ValueError(f"language file '{entry}' has an unknown key '{name}'; there are {', '.join(SECTIONS)}")
    return found
