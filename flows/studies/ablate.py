"""The ablation hook as others see it: two folders in, a comparison out. It stays as it is when the hook grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flows.runs.texts import as_parquet
from pipeline.books.code import code_version
from pipeline.books.fingerprint import canonical
from pipeline.store.shard import file_sha256

Say = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """What an ablation says of a candidate against its baseline. An improvement is positive."""

    helps: bool
    """By the ablation's own rule, which also knows what an interval over seeds does not."""
    improvement: float
    low: float
    high: float
    verdict: str
    report: str


class Ablation(Protocol):
    """Compares two folders of Parquet files. This is all that the loop knows of the ablation hook."""

    @property
    def identity(self) -> str:
        """All of it that decides a comparison, such as budget and held-out files."""

    def compare(self, baseline: Path, candidate: Path, output: Path) -> Comparison: ...


@dataclass(frozen=True)
class Hook:
    """The ablation hook of this project: proxy models, bits per byte."""

    budget: str
    heldout: tuple[Path, ...] = ()
    seeds: int | None = None
    say: Say = print

    @property
    def identity(self) -> str:
        from pipeline.ablation import text_files

        hashes = [file_sha256(file) for path in self._held() for file in text_files(path)]
        return canonical([self.budget, self.seeds, hashes, code_version("pipeline.ablation")])

    def compare(self, baseline: Path, candidate: Path, output: Path) -> Comparison:
        from pipeline.ablation import BUDGETS, ablate, text_files

        arms = [text_files(folder) for folder in (baseline, candidate)]
        found = ablate(arms[0], arms[1], output, BUDGETS[self.budget], self._held(), self.seeds, self.say)
        change = found.difference  # candidate minus baseline in bits per byte: lower is better
        better = found.verdict == "candidate better"
        return Comparison(better, -change.mean, -change.high, -change.low, found.verdict, str(found.report))

    def _held(self) -> list[Path]:
        return [Path(as_parquet(str(path))) for path in self.heldout]
