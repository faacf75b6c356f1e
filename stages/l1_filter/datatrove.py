"""Run one of datatrove's filters or formatters as a step, by its class name.

A filter drops with datatrove's own reason as the rule (letters, digits and _; `regex_filter` where RegexFilter gives no
reason) and may change the text. What it writes into the metadata is not kept. A formatter changes the text.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.books.guard import guarded, sha256_of
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.steps import Judgement, Outcome, RowStep, describe, is_fault

BASES = {"filters": "BaseFilter", "formatters": "BaseFormatter"}
# One needs a Python function, the other draws in the order of the rows, so that its output depends on the workers.
REFUSED = ("LambdaFilter", "SamplerFilter")
MODEL = "model_url"
"""The argument that names a fastText model: a local path or a URL."""


class Datatrove(RowStep):
    """A class of `datatrove.pipeline.filters` or `datatrove.pipeline.formatters`, with its arguments.

    It sees text, id and as metadata url, source, date, `meta` and the columns of earlier steps, such as `language`.
    Arguments must not make a decision depend on earlier documents, as C4BadWordsFilter's keep_fraction does.
    """

    kind: Literal["datatrove"] = "datatrove"
    libraries: ClassVar[tuple[str, ...]] = ("datatrove",)
    filter: str | None = None
    formatter: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_there(self) -> Datatrove:
        if (self.filter is None) == (self.formatter is None):
            raise ValueError("datatrove takes one class; give either `filter` or `formatter`")
        target = find_class(*self._target())
        if missing := " ".join(missing_packages(target)):
            raise ValueError(f"{target.__name__} needs more than datatrove: pip install {missing}")
        try:
            inspect.signature(target).bind(**self.arguments)
        except TypeError as error:
            raise ValueError(f"{self._target()[1]}: {error}; correct `arguments`") from None
        return self

    def extras(self) -> tuple[str, ...]:
        return ("datatrove",)

    def assets(self) -> Mapping[str, str]:
        """Of a model that lies here. One that is fetched is known by its URL, an argument."""
        model = Path(str(self.arguments.get(MODEL, "")))
        return {"model": sha256_of(model)} if model.is_file() else {}

    def resolve(self) -> Iterable[str]:
        self.prepare()
        return ()

    def prepare(self) -> None:
        self._made()

    def process(self, batch: Batch) -> Outcome:
        judgement, errors, texts = Judgement(len(batch)), {}, {}
        for row, document in enumerate(batch.documents()):
            try:
                reason, text = self._apply(document)
            except Exception as error:  # one bad document must not cost the others
                if is_fault(error):
                    raise
                errors[row] = describe(error)
                continue
            if reason is not None:
                judgement.drop_row(row, reason)
            elif text != document.text:
                texts[row] = text
        return Outcome(_with_texts(batch, texts), judgement, errors, {self._name(): len(texts)} if texts else {})

    def _apply(self, document: Document) -> tuple[str | None, str]:
        """(rule or None, text)"""
        if self.formatter is not None:
            # A new one each time: PIIFormatter counts its replacements on from one document to the next.
            return None, find_class(*self._target())(**self.arguments).format(document.text)
        from datatrove.data import Document as TheirDocument

        base = {"url": document.url, "source": document.source, "date": document.date}
        theirs = TheirDocument(document.text, document.id, metadata={**document.meta, **document.columns, **base})
        result = self._made().filter(theirs)
        kept, reason = result if isinstance(result, tuple) else (result, None)
        return None if kept else _as_rule(reason) or self._name(), theirs.text

    def _made(self) -> Any:
        return make(*self._target(), json.dumps(self.arguments, sort_keys=True))

    def _target(self) -> tuple[str, str]:
        return ("filters", self.filter) if self.filter is not None else ("formatters", str(self.formatter))

    def _name(self) -> str:
        """`SymbolLinesFormatter` → `symbol_lines_formatter`"""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self._target()[1]).lower()


@lru_cache(maxsize=16)
def make(package: str, name: str, arguments: str) -> Any:
    """The filter or formatter, made once per process, since some load models. ValueError if it lacks a package."""
    try:
        made = find_class(package, name)(**json.loads(arguments))
        _load_model(made)
        return made
    except ImportError as error:
        raise ValueError(f"{name} needs more than datatrove: {error}") from error


def _load_model(made: Any) -> None:
    """Load a fastText model now, tried out before. ValueError if it is refused or lacks a label that is asked for.

    By itself datatrove gives the file to the library, which believes all that a header says, at the first document, so
    that each row would be blamed; and of a local file it takes a copy, which stays when the file changes.
    """
    if hasattr(made, MODEL):
        holder, url, place = made, getattr(made, MODEL), {"namespace": "filters", "subfolder": "fasttext"}
    elif isinstance(getattr(getattr(made, "model", None), "MODEL_URL", None), str):  # of LanguageFilter
        holder = made.model
        url, place = holder.MODEL_URL, {"namespace": "lid", "subfolder": holder.MODEL_SUBFOLDER}
    else:
        return
    from datatrove.io import cached_asset_path_or_download

    path = Path(url) if Path(url).is_file() else Path(cached_asset_path_or_download(url, **place))
    holder._model = guarded(read_fasttext, path)
    labels = [label.removeprefix("__label__") for label in holder._model.labels]
    asked = [*(getattr(made, "keep_labels", None) or ()), *(getattr(made, "remove_labels", None) or ())]
    if unknown := [label for label, _ in asked if label not in labels]:
        raise ValueError(f"model {url} has no label '{unknown[0]}', only {', '.join(labels[:20])}; correct `arguments`")


def read_fasttext(path: Path) -> Any:
    """The model as the library reads it, which is how datatrove does; before, our reader looks at its sizes."""
    from fasttext.FastText import _FastText

    from pipeline.kernels.classifier.fasttext_file import read_model_file

    read_model_file(path)
    return _FastText(str(path))


@lru_cache(maxsize=64)
def find_class(package: str, name: str) -> Any:
    """The class of this name in datatrove's package; ValueError names the nearest that there are."""
    try:
        import datatrove.pipeline.filters
        import datatrove.pipeline.formatters
    except ImportError as error:
        raise ValueError(
            f"the step datatrove needs its package ({error}); install the extra with pip install 'orefine[datatrove]'"
        ) from None
    modules = {"filters": datatrove.pipeline.filters, "formatters": datatrove.pipeline.formatters}
    module = modules[package]
    known = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__.startswith(module.__name__)
        and any(base.__name__ == BASES[package] for base in value.__mro__[1:])
        and key not in REFUSED
    }
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.4) or sorted(known)
        refused = "cannot run as a step" if name in REFUSED else f"is not among datatrove's {package}"
        raise ValueError(f"'{name}' {refused}; there are {', '.join(near)}")
    return known[name]


def missing_packages(target: type) -> list[str]:
    """What a class of datatrove asks for and is not here; else it would say so only where it is made, in a worker."""
    listed = chain.from_iterable(vars(base).get("_requires_dependencies", ()) for base in target.__mro__)
    pairs = (one if isinstance(one, tuple) else (one, one) for one in listed)  # (module, package)
    return [package for module, package in pairs if importlib.util.find_spec(module) is None]


def _as_rule(reason: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "_", str(reason or "").lower()).strip("_")


def _with_texts(batch: Batch, texts: dict[int, str]) -> Batch:
    """The batch with the texts of these rows replaced."""
    if not texts:
        return batch
    rows = batch.text.to_pylist()
    for row, text in texts.items():
        rows[row] = text
    return batch.with_text(pa.array(rows, pa.string()))
