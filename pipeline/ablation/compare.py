"""The ablation hook: proxy models on data sets, equal in everything but the data, compared in bits per byte.

| file under `output`                    | what                                                                        |
|----------------------------------------|-----------------------------------------------------------------------------|
| ablation.json                          | what was fixed before training; after it the runs, intervals and verdicts   |
| report.md                              | the same for people                                                         |
| runs/<arm>-<seed>-<key>.json           | one finished run; the key hashes all that decides it, so it is never redone |
| checkpoints/<arm>-<seed>-<key>.pt      | where an unfinished run goes on                                             |
| tokens/<arm>-<key>.bin, .idx           | the arm's text as tokens, which runs read through memory mapping            |
| tokenizer.json                         | the tokenizer of all runs                                                   |
| models/<arm>-<seed>-<key>/             | the model as a Hugging Face folder, if asked for                            |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipeline.ablation import controls
from pipeline.ablation.anneal import mixed, plain, read_trunk
from pipeline.ablation.data import Arm, choose, survey
from pipeline.ablation.density import density
from pipeline.ablation.heldout import Domain, domains
from pipeline.ablation.model import Budget
from pipeline.ablation.report import markdown
from pipeline.ablation.runs import Runs, write_json, write_text
from pipeline.ablation.side_by_side import run_all
from pipeline.ablation.statistics import LEVEL, Estimate
from pipeline.ablation.tasks import Task
from pipeline.ablation.train import weight_decay
from pipeline.ablation.verdict import Ruler, compare, control_holds, noise_floor, warnings
from pipeline.publish.ablated import NAME as ABLATION
from pipeline.rows.batch import BoolArray
from pipeline.rows.document import content_hash
from pipeline.store.shard import file_sha256

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PROTOCOL = 3  # bump when the same settings give another run: a change to the split, the model, training or scoring
SAMPLE_BYTES_PER_TOKEN = 8  # text to choose from per token trained on; a BPE token is 3 to 5 bytes of most text
SAMPLE_BYTES = 16_000_000  # at least, so that a few long documents do not stand for an arm
BYTES_PER_TOKEN = 3.0  # of a small vocabulary, to reckon how many bytes a run reads
DENSITY_SCALES = (0.25, 0.5, 2.0)  # of the budget's steps: what the baseline is measured at beside the budget itself
SECOND_RATE = 0.25  # of the budget's learning rate: rankings of small runs flip with it (arXiv 2512.24503)
MOST_EPOCHS = 64.0  # an arm read more often is memorised: it says nothing of its data
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")

Taint = Callable[[pa.StringArray], BoolArray]
"""Which texts hold an item of the tasks."""


@dataclass(frozen=True)
class Verdict:
    """The answer for the first candidate; `ablation.json` has all. Differences are candidate minus baseline."""

    verdict: str
    """`<arm> better` or `not distinguishable`."""
    metric: str
    baseline: float
    """Mean over the seeds."""
    candidate: float
    difference: Estimate
    warnings: tuple[str, ...]
    result: Path
    report: Path

    def summary(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "result": str(self.result), "report": str(self.report)}


def _silent(line: str) -> None:
    pass


def ablate(
    baseline: Sequence[Path],
    candidate: Sequence[Path] | Mapping[str, Sequence[Path]],
    output: Path,
    budget: Budget,
    heldout: Sequence[Path] = (),
    seeds: int | None = None,
    progress: Callable[[str], None] = _silent,
    *,
    aa: bool = False,
    with_controls: bool = False,
    tasks: Sequence[Task] = (),
    taint: Taint | None = None,
    sweep: tuple[str, Sequence[float]] | None = None,
    with_density: bool = False,
    second_rate: bool = False,
    anneal: Path | None = None,
    keep_models: bool = False,
) -> Verdict:
    """Train `seeds` proxy models on each arm and compare them; finished runs under `output` are reused.

    `baseline` and `candidate` are Parquet files with a column `text` or `content`; several candidates have names. Each
    path in `heldout` is a domain; without any, a slice of each arm is held out. ValueError before training for what
    cannot be compared; FloatingPointError if a run diverges.

    aa: baseline and candidates get twice the seeds, and their halves are compared: the noise floor.
    taint: marks training texts that hold an item of `tasks`; no run reads them.
    sweep: a column and shares; the best rows of the one candidate by it are an arm for each share.
    with_density: the baseline is also trained at DENSITY_SCALES.
    anneal: a model that all arms continue, on text of which `anneal.SHARE` is the candidate's, the rest the baseline's.
    second_rate: baseline and candidates are also trained at SECOND_RATE of the learning rate; a verdict that flips is
    none.
    """
    trunk = read_trunk(anneal, budget) if anneal else None
    budget = trunk.budget if trunk else budget
    seeds = budget.seeds if seeds is None else seeds
    if seeds < 2:
        raise ValueError(f"seeds={seeds} gives no interval for the difference; use 2 or more")
    files = candidate if isinstance(candidate, Mapping) else {"candidate": candidate}
    progress("reading the arms and the held-out text")
    arms, rulers, tainted = _prepare({"baseline": baseline, **files}, heldout, budget, tasks, taint)
    if sweep is not None:
        if len(files) != 1:
            raise ValueError(f"a sweep takes the best rows of one candidate, {len(files)} were given")
        name, (column, shares) = next(iter(files)), sweep
        arms |= {f"{name}_{share:g}": controls.best(arms[name], column, share) for share in shares}
    candidates = [name for name in arms if name != "baseline"]
    if trunk is None:
        progress("training the tokenizer")
        tokenizer = _tokenizer(arms, budget)
    else:
        tokenizer, read = trunk.tokenizer, round(budget.tokens * BYTES_PER_TOKEN)
        default = arms["baseline"]
        arms = {name: mixed(default, arm, read) for name, arm in arms.items()} | {"baseline": plain(default, read)}
    extra, missing = _controls(arms, rulers, heldout, budget) if with_controls else ({}, [])
    epochs = _epochs(arms | extra, budget)
    setting = _setting(arms | extra, rulers, tokenizer, budget, seeds, aa, sliced=not heldout)
    setting |= {"weight_decay": weight_decay(max(epochs.values())), "tainted": tainted, "controls_missing": missing}
    setting["trunk"] = trunk.identity if trunk else ""
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "tokenizer.json", tokenizer.to_str())
    # The metric and the settings are on disk before the first run can be seen.
    write_json(output / ABLATION, {"status": "running", "setting": setting})

    trainer = Runs(output, budget, tokenizer, rulers, setting, progress, keep_models, trunk.folder if trunk else None)
    runs = run_all(
        trainer,
        {name: (arm, range(2 * seeds if aa and name in arms else seeds)) for name, arm in (arms | extra).items()},
    )
    slowly: dict[str, list[dict[str, Any]]] = {}
    if second_rate:
        slower = replace(trainer, budget=replace(budget, learning_rate=SECOND_RATE * budget.learning_rate))
        slowly = run_all(slower, {name: (arm, range(seeds)) for name, arm in arms.items()})
    found = _result(runs, slowly, rulers, candidates, list(arms) if aa else [], setting)
    if with_density:
        found["density"] = _density(trainer, arms["baseline"], {name: runs[name][:seeds] for name in arms}, seeds)
    if sweep is not None:
        found["sweep"] = _smallest(found["comparisons"], f"{next(iter(files))}_")
    write_json(output / ABLATION, {"status": "done", "setting": setting, **found})
    write_text(output / "report.md", markdown(setting, found))
    main = found["comparisons"][0]
    return Verdict(
        main["verdict"],
        setting["metric"],
        found["bpb"]["baseline"],
        found["bpb"][main["second"]],
        Estimate(**main["difference"]),
        tuple(found["warnings"]),
        output / ABLATION,
        output / "report.md",
    )


def _prepare(
    files: Mapping[str, Sequence[Path]],
    heldout: Sequence[Path],
    budget: Budget,
    tasks: Sequence[Task],
    taint: Taint | None,
) -> tuple[dict[str, Arm], list[Ruler], dict[str, int]]:
    """The arms with what runs may read chosen, the rulers, and how many texts of each arm hold an item of a task."""
    from pipeline.ablation.overlap import without_overlap

    arms = {name: survey(found) for name, found in files.items()}
    held = domains(arms, heldout, budget.heldout_bytes)
    excluded = np.concatenate([domain.hashes for domain in held])
    sample = max(SAMPLE_BYTES, SAMPLE_BYTES_PER_TOKEN * budget.tokens)
    arms = {name: choose(arm, name, excluded, sample) for name, arm in arms.items()}
    tainted = {name: 0 for name in arms}
    if taint is not None:
        for name, arm in arms.items():
            hits = np.zeros(len(arm.chosen), np.bool_)
            hits[arm.chosen] = np.concatenate([taint(texts) for texts in arm.texts(arm.chosen)])
            tainted[name] = int(hits.sum())
            arms[name] = replace(arm, chosen=arm.chosen & ~hits)
    rulers: list[Ruler] = [
        *without_overlap(held, arms.values()),
        *(task.sample(budget.heldout_bytes) for task in tasks),
    ]
    names = [ruler.name for ruler in rulers]
    if len(set(names)) < len(names):
        raise ValueError(f"held-out files and tasks share a name among {', '.join(sorted(names))}; rename one")
    return arms, rulers, tainted


def _tokenizer(arms: Mapping[str, Arm], budget: Budget) -> Tokenizer:
    from pipeline.ablation.tokenizer import train_tokenizer

    equal = min(budget.tokenizer_bytes, *(arm.chosen_bytes for arm in arms.values()))
    parts = [arm.texts(arm.first(equal)) for arm in arms.values()]
    return train_tokenizer((text for part in parts for batch in part for text in batch.to_pylist()), budget.vocabulary)


def _controls(
    arms: Mapping[str, Arm], rulers: Sequence[Ruler], heldout: Sequence[Path], budget: Budget
) -> tuple[dict[str, Arm], list[str]]:
    """The control arms, and why one that was asked for is missing."""
    baseline, run_bytes = arms["baseline"], round(budget.tokens * BYTES_PER_TOKEN)
    held = [ruler for ruler in rulers if isinstance(ruler, Domain)]
    found, missing = {"shuffled": controls.shuffled(baseline)}, []
    found["repeated"] = controls.repeated(baseline, run_bytes)
    target = controls.target(baseline, held, heldout, run_bytes)
    if target is None:
        missing.append("target: the held-out files have too little text beside what is scored")
    else:
        found["target"] = target
    for name, arm in arms.items():
        if name != "baseline" and arm.chosen_bytes < min(baseline.chosen_bytes, run_bytes):
            found[f"random_{name}"] = controls.random_selection(baseline, baseline.chosen, arm.chosen_bytes)
        elif name != "baseline":
            missing.append(
                f"random_{name}: no run reads the {name} twice, so as much of the baseline at random is the baseline"
            )
    return found, missing


def _epochs(arms: Mapping[str, Arm], budget: Budget) -> dict[str, float]:
    """How often a run reads each arm, about; ValueError for one that has far too little text."""
    run_bytes = budget.tokens * BYTES_PER_TOKEN
    found = {name: run_bytes / float((arm.sizes * arm.repeats)[arm.chosen].sum()) for name, arm in arms.items()}
    for name, epochs in found.items():
        if epochs > MOST_EPOCHS:
            raise ValueError(
                f"the {name} has {arms[name].chosen_bytes:,} bytes to train on, a run reads about {run_bytes:,.0f}: "
                f"{epochs:.0f} times the same text, {MOST_EPOCHS:.0f} are allowed; give it more data or use a smaller "
                "budget"
            )
    return found


def _setting(
    arms: Mapping[str, Arm],
    rulers: Sequence[Ruler],
    tokenizer: Tokenizer,
    budget: Budget,
    seeds: int,
    aa: bool,
    sliced: bool,
) -> dict[str, Any]:
    """All that is fixed before training."""
    import torch

    names = ", ".join(ruler.name for ruler in rulers)
    return {
        "protocol": PROTOCOL,
        "metric": f"macro mean of bits per byte over {names}",
        "rule": f"better if p, over seeds and held-out documents by site, is below {LEVEL} after Holm's correction "
        "over all candidates",
        "seeds": seeds,
        "aa": aa,
        "budget": {**asdict(budget), "tokens": budget.tokens},
        "arms": {name: _describe_arm(arm) for name, arm in arms.items()},
        "ruler": {
            "origin": "a slice of each arm, by content hash" if sliced else "files given",
            "domains": {ruler.name: _describe_ruler(ruler) for ruler in rulers},
            "identity": content_hash(*(part for ruler in rulers for part in (ruler.name, *_parts(ruler)))),
        },
        "tokenizer": {"vocabulary": tokenizer.get_vocab_size(), "identity": content_hash(tokenizer.to_str())},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _density(
    trainer: Runs, baseline: Arm, runs: Mapping[str, Sequence[Mapping[str, Any]]], seeds: int
) -> dict[str, dict[str, Any]]:
    """Of each candidate, by the models and by n-grams; or why there is none."""
    budget, measured = trainer.budget, [*runs["baseline"]]
    for scale in DENSITY_SCALES:
        scaled = replace(
            budget, steps=max(1, round(budget.steps * scale)), ngram_tokens=round(budget.ngram_tokens * scale)
        )
        measured += run_all(replace(trainer, budget=scaled), {"baseline": (baseline, range(seeds))})["baseline"]
    found: dict[str, dict[str, Any]] = {}
    for name, of in runs.items():
        for ruler, tokens, rate in (("models", "tokens", "bpb"), ("n-grams", "ngram_tokens", "ngram_bpb")):
            if name == "baseline":
                continue
            losses: dict[int, list[float]] = {}
            for run in measured:
                losses.setdefault(run[tokens], []).append(run[rate]["mean"])
            try:
                answer = asdict(density(losses, [run[rate]["mean"] for run in of], of[0][tokens]))
            except ValueError as error:
                answer = {"none": str(error)}
            found.setdefault(name, {})[ruler] = answer
    return found


def _smallest(comparisons: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, Any]:
    """The curve of a sweep, and the smallest share that is not told from the baseline, or is better."""
    curve = {
        float(found["second"].removeprefix(prefix)): found
        for found in comparisons
        if found["first"] == "baseline" and found["second"].startswith(prefix)
    }
    good = [share for share, found in curve.items() if found["verdict"] != "baseline better"]
    points = {
        share: {key: found["difference"][key] for key in ("mean", "low", "high")} for share, found in curve.items()
    }
    return {"curve": dict(sorted(points.items())), "smallest": min(good, default=None)}


def _describe_arm(arm: Arm) -> dict[str, Any]:
    files = [{"path": str(path), "sha256": file_sha256(path)} for path in arm.files]
    return {
        "files": files,
        "documents": len(arm.hashes),
        "bytes": int(arm.sizes.sum()),
        "chosen_documents": int(arm.chosen.sum()),
        "chosen_bytes": arm.chosen_bytes,
        "identity": arm.identity,
    }


def _describe_ruler(ruler: Ruler) -> dict[str, Any]:
    overlapping = ruler.overlapping if isinstance(ruler, Domain) else 0
    found = {"documents": len(ruler.sizes), "sites": len(np.unique(ruler.sites)), "bytes": int(ruler.sizes.sum())}
    return {"kind": "text" if isinstance(ruler, Domain) else "task", **found, "left_out_as_overlapping": overlapping}


def _parts(ruler: Ruler) -> list[str]:
    if isinstance(ruler, Domain):
        return list(ruler.texts)
    return [part for item in ruler.items for part in (*item.texts, str(item.answer))]


def _result(
    runs: Mapping[str, list[dict[str, Any]]],
    slowly: Mapping[str, list[dict[str, Any]]],
    rulers: Sequence[Ruler],
    candidates: Sequence[str],
    floors: Sequence[str],
    setting: Mapping[str, Any],
) -> dict[str, Any]:
    claims = [("baseline", name) for name in candidates]
    claims += [(f"random_{name}", name) for name in candidates if f"random_{name}" in runs]
    checks = [("baseline", name) for name in controls.EXPECTED if name in runs]
    found = compare(runs, rulers, [*claims, *checks], len(claims), slowly)
    floor = {name: noise_floor(runs[name], rulers) for name in floors}
    of_controls = found[len(claims) :]
    return {
        "bpb": {arm: float(np.mean([run["bpb"]["mean"] for run in of])) for arm, of in runs.items()},
        "comparisons": [asdict(comparison) for comparison in found[: len(claims)]],
        "controls": [{**asdict(check), "holds": control_holds(check)} for check in of_controls],
        "noise_floor": {name: asdict(estimate) for name, estimate in floor.items()},
        "warnings": warnings(runs, found[0], of_controls, floor),
        "runs": [
            {key: value for key, value in run.items() if key not in ("bits", "ngram_bits")}
            for of in runs.values()
            for run in of
        ],
    }
