"""Held-out documents: the ruler of an ablation, by domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from pipeline.ablation.data import HELDOUT_SALT, Arm, I64Array, U64Array, in_slice, mix, occurrences, survey
from pipeline.ablation.files import text_files
from pipeline.rows.batch import BoolArray

MINIMUM_HELDOUT = 8
HELDOUT_DOCUMENT_BYTES = 2_000  # a longer held-out document is cut: more documents tell more than longer ones


@dataclass(frozen=True)
class Domain:
    """Held-out documents of one origin, each text once."""

    name: str
    texts: tuple[str, ...]
    hashes: U64Array
    """Of the whole texts, before long ones were cut."""
    overlapping: int = 0
    """Documents left out because training text contains much of them."""
    urls: tuple[str, ...] = ()
    """Of the documents, if they have any: pages of one site are alike."""

    @property
    def sizes(self) -> I64Array:
        """UTF-8 bytes of each document."""
        return np.array([len(text.encode()) for text in self.texts], np.int64)

    @property
    def sites(self) -> I64Array:
        """A number for the host of each document. A document without a URL is a site of its own, and so is each one of
        a domain that is one site, such as Wikipedia: there the site is what is measured, not a sample of sites."""
        hosts = [urlsplit(url).netloc or str(row) for row, url in enumerate(self.urls)]
        if len(set(hosts)) < 2:
            return np.arange(len(self.texts))
        return np.unique(hosts, return_inverse=True)[1].astype(np.int64)

    def keep(self, rows: BoolArray) -> Domain:
        """Only these documents; the others count as overlapping. An error if too few are left."""
        left = self.overlapping + int(np.count_nonzero(~rows))
        texts, urls = tuple(compress(self.texts, rows)), tuple(compress(self.urls, rows))
        kept = Domain(self.name, texts, self.hashes[rows], left, urls)
        kept.check()
        return kept

    def check(self) -> None:
        if len(self.texts) < MINIMUM_HELDOUT:
            raise ValueError(
                f"the held-out domain '{self.name}' has {len(self.texts)} usable documents ({self.overlapping} overlap "
                f"with training text), it needs {MINIMUM_HELDOUT}; give more data, or held-out files of your own"
            )


def hold_out(arm: Arm, name: str, size: int, whole: bool = False) -> Domain:
    """About `size` bytes of the arm's slice, or of all its documents if `whole`, as a domain."""
    order = np.argsort(mix(arm.hashes ^ np.uint64(HELDOUT_SALT)), kind="stable")
    order = order[(whole | in_slice(arm.hashes))[order] & (occurrences(arm.hashes) == 0)[order]]
    lengths = np.minimum(arm.sizes[order], HELDOUT_DOCUMENT_BYTES)
    order = order[: np.searchsorted(np.cumsum(lengths), size, "right")]
    rows = np.zeros(len(arm.hashes), np.bool_)
    rows[order] = True
    texts: list[str] = []
    urls: list[str] = []
    for batch in arm.read(rows, ["url"]):
        texts += map(cut, batch.column("text").to_pylist())
        found = batch.column("url").to_pylist() if "url" in batch.schema.names else [None] * batch.num_rows
        urls += (str(url or "") for url in found)
    domain = Domain(name, tuple(texts), arm.hashes[rows], 0, tuple(urls))
    domain.check()
    return domain


def cut(text: str) -> str:
    """The text's first HELDOUT_DOCUMENT_BYTES, whole characters only."""
    return text.encode()[:HELDOUT_DOCUMENT_BYTES].decode(errors="ignore")


def domains(arms: Mapping[str, Arm], heldout: Sequence[Path], size: int) -> list[Domain]:
    """One domain per held-out path; without any, the slice of each arm."""
    if not heldout:
        return [hold_out(arm, name, size) for name, arm in arms.items()]
    names = [path.stem for path in heldout]
    if len(set(names)) < len(names):
        raise ValueError(f"held-out paths name the domains, but {', '.join(sorted(names))} repeat; rename one")
    pairs = zip(names, heldout, strict=True)
    return [hold_out(survey(text_files(path)), name, size, whole=True) for name, path in pairs]
