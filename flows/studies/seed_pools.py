"""Which seeds are worth training on: each candidate pool is tried by what a model learns from its selection.

| file under `output`            | what                                                                         |
|--------------------------------|------------------------------------------------------------------------------|
| <trial>-<key>.json             | one finished trial; the key hashes all that decides it, so it is never redone |
| trials/<trial>-<key>/          | its classifier, its selection, its ablation                                  |
| candidates.json, candidates.md | all trials and the choice                                                    |
| model.bin, model_card.json     | the chosen classifier                                                        |

A trial trains a classifier, takes the best `keep` of the data by bytes, and compares it with as many bytes chosen at
random: size and repetition are the same, only the choice differs. A pool is kept if that helps. The kept pools then
train one classifier together. In each further round the classifier labels seeds and data anew, the next one is trained
on its labels, and it takes the place of the last one if its selection helps against the last one's.

Scores and text sizes of the whole data are held in memory: 16 bytes a document.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.runs.recipe import RecipeError
from flows.runs.texts import as_parquet, read_texts
from flows.studies.ablate import Ablation, Comparison, Say
from pipeline.books.code import code_version
from pipeline.books.fingerprint import canonical, versions
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.steps.safe_yaml import YamlError, read_yaml
from pipeline.store.artifact import Artifact
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256, read_batches
from stages.l2_select.normalize.normalizers import Normalizer, tokenizer_file
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.seeds import Sample, Seeds, content_keys, in_batches
from stages.l2_select.train.settings import TrainSettings, TrainSpec
from stages.l2_select.train.train_classifier import TooFewSeeds, collect_seeds, train

Array = np.ndarray[Any, Any]
SALT = 0x72616E64  # the random selection follows a hash of the text, another one than the seeds' sampling
CODE = ("flows.studies.seed_pools", "stages.l2_select.score.fasttext_quality")


class Pool(BaseModel):
    """Texts that may be worth learning from."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    positives: Seeds
    negatives: Seeds | None = None


class Candidates(BaseModel):
    """The file of `--candidates`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: tuple[str, ...] = Field(min_length=1)
    """What to select from: Parquet files or folders, a level or a release."""
    pools: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], Pool] = Field(min_length=1)
    negatives: Seeds = Seeds(rest=True)
    """For pools that bring none; `rest`: the rows of the data."""
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Share of the data's bytes that each classifier selects."""
    infer: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Later rounds: the best share by the last classifier is positive, the worse half is negative."""
    heldout: tuple[Path, ...] = ()
    """Texts that the ablation judges by; seeds that are among them are left out."""
    train: TrainSettings = TrainSettings()
    normalizer: Normalizer = "plain"
    tokenizer: str | None = None


@dataclass(frozen=True)
class Trial:
    """One classifier, and what its selection is worth."""

    name: str
    key: str
    round: int
    folder: str
    """Relative to the output."""
    against: str
    """`random`, or the trial whose selection is the baseline."""
    roc_auc: float | None = None
    selected_documents: int = 0
    comparison: Comparison | None = None
    refused: str = ""
    """Why there is no classifier."""

    @property
    def helps(self) -> bool:
        return self.comparison is not None and self.comparison.helps


def read_candidates(path: Path) -> Candidates:
    """Raises RecipeError with everything that is wrong."""
    try:
        return Candidates.model_validate(read_yaml(path))
    except OSError as error:
        raise RecipeError(f"candidates {path}: {error.strerror}; give a YAML file with `data` and `pools`") from None
    except YamlError as error:
        raise RecipeError(f"candidates {path} is no YAML: {error}") from None
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc'])) or 'top level'}: {one['msg']}" for one in error.errors()]
        raise RecipeError(f"candidates {path}: {'; '.join(found)}") from None


def verify_seeds(
    candidates: Candidates, files: Sequence[Path], ablation: Ablation, output: Path, rounds: int, say: Say
) -> dict[str, Any]:
    """Try every pool, then the kept ones together, then further rounds; what came out, as `candidates.json` has it."""
    if other := [str(file) for file in files if file.suffix != ".parquet"]:
        raise RecipeError(
            f"data {', '.join(other)}: only Parquet is selected from; `orefine run` with L0 alone makes it"
        )
    bench = _Bench(candidates, tuple(files), ablation, output, say)
    trials = [bench.try_pools(name, {name: pool}) for name, pool in candidates.pools.items()]
    kept = {trial.name: candidates.pools[trial.name] for trial in trials if trial.helps}
    best = max((trial for trial in trials if trial.helps), key=_lower_bound, default=None)
    if len(kept) > 1:
        together = bench.try_pools("together", kept)
        trials.append(together)
        best = together if together.helps else best
    for number in range(2, rounds + 1):
        if best is None:
            break
        trials.append(following := bench.try_labels_of(best, kept, number))
        if not following.helps:
            break
        best = following
    result = {"kept": sorted(kept), "chosen": best.name if best else None, "trials": [asdict(one) for one in trials]}
    if best is not None:
        for name in ("model.bin", "model_card.json"):
            shutil.copyfile(output / best.folder / name, output / name)
        result["model"] = str(output / "model.bin")
    _write(output / "candidates.json", json.dumps(result, indent=1) + "\n")
    _write(output / "candidates.md", "\n".join(table(result)) + "\n")
    return result


def table(result: dict[str, Any]) -> list[str]:
    """The trials as a Markdown table, and the choice."""
    lines = ["| trial | round | against | ROC-AUC | improvement | low | high | verdict |", "|---" * 8 + "|"]
    for trial in result["trials"]:
        found, auc = trial["comparison"], trial["roc_auc"]
        figures = " | ".join("" if found is None else f"{found[name]:+.4f}" for name in ("improvement", "low", "high"))
        said = trial["refused"] if found is None else found["verdict"]
        score = "" if auc is None else f"{auc:.4f}"
        lines.append(f"| {trial['name']} | {trial['round']} | {trial['against']} | {score} | {figures} | {said} |")
    kept = ", ".join(result["kept"]) or "none: no pool helps against a random choice"
    return [*lines, "", f"kept: {kept}", f"chosen: {result['chosen'] or 'no classifier'}"]


class _Bench:
    """What all trials share: the data, its random selection, and how a trial runs."""

    def __init__(self, plan: Candidates, files: tuple[Path, ...], ablation: Ablation, output: Path, say: Say) -> None:
        self._plan, self._files, self._ablation, self._output, self._say = plan, files, ablation, output, say
        self._excluded = _excluded(plan)
        self._setting = [
            canonical(plan.model_dump(mode="json", include={"keep", "infer", "normalizer", "train"})),
            *sorted(file_sha256(file) for file in files),
            *([file_sha256(tokenizer_file(plan.tokenizer))] if plan.tokenizer else []),
            canonical(versions(["fasttext-community"])),
            *map(code_version, CODE),
            ablation.identity,
        ]

    def try_pools(self, name: str, pools: dict[str, Pool]) -> Trial:
        """Train on all these pools and compare with a random choice."""
        specs = [self._spec(pool) for pool in pools.values()]
        hashes = [file_sha256(Path(f)) for spec in specs for s in (spec.positives, spec.negatives) for f in s.files()]
        identity = [canonical(spec) for spec in specs] + hashes
        return self._trial(name, 1, "random", identity, lambda: self._seeds(pools), self._random_selection)

    def try_labels_of(self, last: Trial, pools: dict[str, Pool], number: int) -> Trial:
        """Train on what the last classifier takes for good and bad, and compare with its selection."""
        return self._trial(
            f"round_{number}", number, last.name, [last.key],
            lambda: self._labelled(last, pools), lambda: self._output / last.folder / "selection",
        )  # fmt: skip

    def _trial(
        self,
        name: str,
        number: int,
        against: str,
        identity: Sequence[str],
        seeds: Callable[[], tuple[pa.Array, pa.Array]],
        baseline: Callable[[], Path],
    ) -> Trial:
        key = content_hash(name, against, *identity, *self._setting)[:16]
        trial = Trial(name, key, number, f"trials/{name}-{key}", against)
        record = Artifact(LocalStore(self._output), f"{name}-{key}", f"{name}-{key}.json")
        if (found := record.found()) is not None:
            self._say(f"{name}: found")
        else:
            found = record.make(lambda: self._try(trial, seeds, baseline), alone=self._say)
        return _read_trial(found)

    def _try(self, trial: Trial, seeds: Callable[[], tuple[pa.Array, pa.Array]], baseline: Callable[[], Path]) -> bytes:
        folder = self._output / trial.folder
        self._say(f"{trial.name}: training a classifier")
        try:
            report = train(*seeds(), self._plan.train, folder, self._plan.normalizer, self._plan.tokenizer)
        except TooFewSeeds as error:
            trial = replace(trial, refused=str(error))
        else:
            rows = self._select(folder)
            self._say(f"{trial.name}: comparing its selection of {rows:,} documents with {trial.against}")
            compared = self._ablation.compare(baseline(), folder / "selection", folder / "ablation")
            trial = replace(trial, roc_auc=report.roc_auc, selected_documents=rows, comparison=compared)
        return (json.dumps(asdict(trial), indent=1) + "\n").encode()

    def _spec(self, pool: Pool) -> TrainSpec:
        seeds = {"positives": pool.positives, "negatives": pool.negatives or self._plan.negatives}
        return TrainSpec.model_validate(seeds | self._plan.train.model_dump())

    def _seeds(self, pools: dict[str, Pool]) -> tuple[pa.Array, pa.Array]:
        parts = [collect_seeds(self._spec(pool), self._rows(["text", "url"]), read_texts) for pool in pools.values()]
        positives, negatives = (pa.concat_arrays(texts) for texts in zip(*parts, strict=True))
        return self._allowed(positives), self._allowed(negatives)

    def _labelled(self, last: Trial, pools: dict[str, Pool]) -> tuple[pa.Array, pa.Array]:
        step = self._scorer(self._output / last.folder)
        seeds = pa.concat_arrays(self._seeds(pools))
        scores = [_score(step, part) for part in self._texts(seeds)]
        high, low = np.nanquantile(np.concatenate(scores), [1 - self._plan.infer, 0.5])
        samples = [Sample(self._plan.train.per_class, self._plan.train.seed) for _ in range(2)]
        for part, score in zip(self._texts(seeds), scores, strict=True):
            for sample, chosen in zip(samples, (score >= high, score < low), strict=True):
                sample.add(part.filter(pa.array(chosen)))
        return samples[0].texts(), samples[1].texts()

    def _texts(self, seeds: pa.Array) -> Iterator[pa.StringArray]:
        yield from in_batches(seeds)
        for rows in self._rows():
            yield self._allowed(rows.column("text"))

    def _allowed(self, texts: pa.Array) -> pa.Array:
        """Without what the ablation is judged by."""
        keys = content_keys(texts, 0)[:, 0]
        return texts.filter(pa.array(~np.isin(keys, self._excluded)))

    def _select(self, folder: Path) -> int:
        """The best documents of the data by the folder's classifier, up to `keep` of the bytes; their number."""
        step = self._scorer(folder)
        order = [(-_score(step, rows.column("text")), content_keys(rows.column("text"), SALT)) for rows in self._rows()]
        return self._write_selection(folder / "selection", [score for score, _ in order], [keys for _, keys in order])

    def _random_selection(self) -> Path:
        """As many bytes chosen by hash: the baseline of all pools."""
        folder = self._output / "trials" / f"random-{content_hash(*self._setting)[:16]}"
        if not (folder / "data.parquet").is_file():
            keys = [content_keys(rows.column("text"), SALT) for rows in self._rows()]
            self._write_selection(folder, [np.zeros(len(part)) for part in keys], keys)
        return folder

    def _write_selection(self, folder: Path, order: list[Array], keys: list[Array]) -> int:
        """Documents in rising order, equal ones by key, up to `keep` of all bytes."""
        sizes = np.concatenate([pc.fill_null(pc.binary_length(rows.column("text")), 0) for rows in self._rows()])
        ranked = np.lexsort((np.concatenate(keys)[:, 0], np.concatenate(order)))  # nan comes last
        chosen = np.zeros(len(sizes), np.bool_)
        chosen[ranked[np.cumsum(sizes[ranked]) <= self._plan.keep * sizes.sum()]] = True
        folder.mkdir(parents=True, exist_ok=True)
        temporary, first = folder / "data.tmp", 0
        with pq.ParquetWriter(temporary, pa.schema([("text", pa.string())]), compression="zstd") as writer:
            for rows in self._rows():
                here = chosen[first : first + len(rows)]
                writer.write_batch(rows.select(["text"]).filter(pa.array(here)))
                first += len(rows)
        os.replace(temporary, folder / "data.parquet")
        return int(chosen.sum())

    def _scorer(self, folder: Path) -> FasttextQuality:
        plan = self._plan
        return FasttextQuality(model=str(folder / "model.bin"), normalizer=plan.normalizer, tokenizer=plan.tokenizer)

    def _rows(self, columns: Sequence[str] = ("text",)) -> Iterator[pa.RecordBatch]:
        for file in self._files:
            there = pq.read_schema(file).names
            for rows in read_batches(str(file), [name for name in columns if name in there]):
                text = pc.fill_null(rows.column("text").cast(pa.string()), "")
                yield rows.set_column(rows.schema.get_field_index("text"), "text", text)


def _excluded(plan: Candidates) -> Array:
    """Hashes of the held-out texts."""
    from pipeline.ablation.files import read_texts as arm_texts
    from pipeline.ablation.files import text_files

    files = [file for path in plan.heldout for file in text_files(as_parquet(str(path)))]
    return np.concatenate([np.zeros(0, np.uint64), *(content_keys(texts, 0)[:, 0] for texts in arm_texts(files))])


def _score(step: FasttextQuality, texts: pa.StringArray) -> Array:
    rows = Batch(pa.RecordBatch.from_arrays([texts], ["text"]))
    return np.asarray(step.score(rows)[step.column].to_numpy(zero_copy_only=False))


def _lower_bound(trial: Trial) -> float:
    return trial.comparison.low if trial.comparison else -np.inf


def _read_trial(record: bytes) -> Trial:
    fields = json.loads(record)
    if fields["comparison"]:
        fields["comparison"] = Comparison(**fields["comparison"])
    return Trial(**fields)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
