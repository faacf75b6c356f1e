"""The ablation hook: proxy models on two data sets, equal in everything but the data, compared in bits per byte.

| file under `output`                    | what                                                                        |
|----------------------------------------|-----------------------------------------------------------------------------|
| ablation.json                          | what was fixed before training; after it the runs, intervals and verdict    |
| report.md                              | the same for people                                                         |
| runs/<arm>-<seed>-<key>.json           | one finished run; the key hashes all that decides it, so it is never redone |
| tokenizer.json                         | the tokenizer of all runs                                                   |
| models/<arm>-<seed>-<key>/             | the model as a Hugging Face folder, if asked for                            |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.ablation.data import Arm, Domain, choose, domains, survey
from pipeline.ablation.model import Budget
from pipeline.ablation.report import markdown
from pipeline.ablation.runs import Runs, write_json, write_text
from pipeline.ablation.statistics import Estimate, bootstrap_interval, t_interval
from pipeline.rows.document import content_hash
from pipeline.store.shard import file_sha256

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PROTOCOL = 1  # bump when the same settings give another run: a change to the split, the model, training or scoring
SAMPLE_BYTES_PER_TOKEN = 8  # text to choose from per token trained on; a BPE token is 3 to 5 bytes of most text
SAMPLE_BYTES = 16_000_000  # at least, so that a few long documents do not stand for an arm
MANY_EPOCHS = 4.0  # up to here repetition costs little (arXiv 2305.16264)
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")
NOTHING_SIGNIFICANT = "no significant difference"


@dataclass(frozen=True)
class Verdict:
    """The answer, as `ablation.json` has it. Differences are candidate minus baseline in bits per byte."""

    verdict: Literal["candidate better", "baseline better", "no significant difference"]
    metric: str
    baseline: float
    """Mean over the seeds."""
    candidate: float
    difference: Estimate
    bootstrap: tuple[float, float]
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
    candidate: Sequence[Path],
    output: Path,
    budget: Budget,
    heldout: Sequence[Path] = (),
    seeds: int | None = None,
    progress: Callable[[str], None] = _silent,
    *,
    aa: bool = False,
    keep_models: bool = False,
) -> Verdict:
    """Train `seeds` proxy models on each arm and compare them; finished runs under `output` are reused.

    `baseline` and `candidate` are Parquet files with a column `text` or `content`. Each path in `heldout` is a domain;
    without any, a slice of each arm is held out. `aa` also trains the baseline under other seeds: the noise floor.
    ValueError if there are fewer than two seeds or too few documents; FloatingPointError if a run diverges.
    """
    seeds = budget.seeds if seeds is None else seeds
    if seeds < 2:
        raise ValueError(f"seeds={seeds} gives no interval for the difference; use 2 or more")
    from pipeline.ablation.overlap import without_overlap
    from pipeline.ablation.tokenizer import train_tokenizer

    progress("reading both arms")
    arms = {"baseline": survey(baseline), "candidate": survey(candidate)}
    held = domains(arms, heldout, budget.heldout_bytes)
    excluded = np.concatenate([domain.hashes for domain in held])
    sample = max(SAMPLE_BYTES, SAMPLE_BYTES_PER_TOKEN * budget.tokens)
    arms = {name: choose(arm, name, excluded, sample) for name, arm in arms.items()}
    held = without_overlap(held, arms.values())
    progress("training the tokenizer")
    equal = min(budget.tokenizer_bytes, *(int(arm.sizes[arm.chosen].sum()) for arm in arms.values()))
    parts = [arm.texts(arm.first(equal)) for arm in arms.values()]
    tokenizer = train_tokenizer(
        (text for part in parts for batch in part for text in batch.to_pylist()), budget.vocabulary
    )
    setting = _setting(arms, held, tokenizer, budget, seeds, aa, sliced=not heldout)
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "tokenizer.json", tokenizer.to_str())
    # The metric and the settings are on disk before the first run can be seen.
    write_json(output / "ablation.json", {"status": "running", "setting": setting})

    trainer = Runs(output, budget, tokenizer, held, setting, progress, keep_models)
    plan = {"baseline": 2 * seeds if aa else seeds, "candidate": seeds}
    runs = {name: trainer.of(name, arms[name], count) for name, count in plan.items()}
    result = _result(runs, held, seeds, setting)
    write_json(output / "ablation.json", {"status": "done", "setting": setting, **result})
    write_text(output / "report.md", markdown(setting, result))
    return Verdict(
        result["verdict"],
        setting["metric"],
        result["bpb"]["baseline"],
        result["bpb"]["candidate"],
        Estimate(**result["difference"]),
        result["bootstrap"],
        tuple(result["warnings"]),
        output / "ablation.json",
        output / "report.md",
    )


def _setting(
    arms: Mapping[str, Arm],
    held: Sequence[Domain],
    tokenizer: Tokenizer,
    budget: Budget,
    seeds: int,
    aa: bool,
    sliced: bool,
) -> dict[str, Any]:
    """All that is fixed before training."""
    import torch

    return {
        "protocol": PROTOCOL,
        "metric": f"macro mean of bits per byte over the held-out domains {', '.join(d.name for d in held)}",
        "rule": "significant if the 95 % t interval over seeds and the 95 % bootstrap interval over held-out documents "
        "both exclude 0",
        "seeds": seeds,
        "aa": aa,
        "budget": {**asdict(budget), "tokens": budget.tokens},
        "arms": {name: _describe_arm(arm) for name, arm in arms.items()},
        "heldout": {
            "origin": "a slice of each arm, by content hash" if sliced else "files given",
            "domains": {
                d.name: {
                    "documents": len(d.texts),
                    "bytes": int(d.sizes.sum()),
                    "left_out_as_overlapping": d.overlapping,
                }
                for d in held
            },
            "identity": content_hash(*(part for d in held for part in (d.name, *d.texts))),
        },
        "tokenizer": {"vocabulary": tokenizer.get_vocab_size(), "identity": content_hash(tokenizer.to_str())},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _describe_arm(arm: Arm) -> dict[str, Any]:
    files = [{"path": str(path), "sha256": file_sha256(path)} for path in arm.files]
    return {
        "files": files,
        "documents": len(arm.hashes),
        "bytes": int(arm.sizes.sum()),
        "chosen_documents": int(arm.chosen.sum()),
        "chosen_bytes": int(arm.sizes[arm.chosen].sum()),
        "identity": arm.identity,
    }


def _result(
    runs: Mapping[str, list[dict[str, Any]]], held: Sequence[Domain], seeds: int, setting: Mapping[str, Any]
) -> dict[str, Any]:
    pairs = list(zip(runs["baseline"][:seeds], runs["candidate"], strict=True))
    names = [domain.name for domain in held]
    by_domain = {name: _paired(pairs, name) for name in names}
    difference = _paired(pairs, "mean")
    bits = [
        np.mean([np.subtract(second["bits"][name], first["bits"][name]) for first, second in pairs], axis=0)
        for name in names
    ]
    bootstrap = bootstrap_interval(bits, [domain.sizes for domain in held])
    floor = None
    if setting["aa"]:
        floor = _paired(list(zip(runs["baseline"][:seeds], runs["baseline"][seeds:], strict=True)), "mean")
    return {
        "verdict": _verdict(difference, bootstrap),
        "bpb": {arm: float(np.mean([run["bpb"]["mean"] for run in of[:seeds]])) for arm, of in runs.items()},
        "difference": asdict(difference),
        "smallest_detectable": difference.half_width,
        "bootstrap": bootstrap,
        "by_domain": {name: asdict(estimate) for name, estimate in by_domain.items()},
        "noise_floor": asdict(floor) if floor else None,
        "warnings": _warnings(runs, difference, by_domain, floor),
        "runs": [{key: value for key, value in run.items() if key != "bits"} for of in runs.values() for run in of],
    }


def _paired(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], name: str) -> Estimate:
    return t_interval([second["bpb"][name] - first["bpb"][name] for first, second in pairs])


def _verdict(difference: Estimate, bootstrap: tuple[float, float]) -> str:
    if max(difference.high, bootstrap[1]) < 0:
        return "candidate better"
    if min(difference.low, bootstrap[0]) > 0:
        return "baseline better"
    return NOTHING_SIGNIFICANT


def _warnings(
    runs: Mapping[str, list[dict[str, Any]]],
    difference: Estimate,
    by_domain: Mapping[str, Estimate],
    floor: Estimate | None,
) -> list[str]:
    found = []
    for arm, of in runs.items():
        if of[0]["epochs"] > MANY_EPOCHS:
            found.append(
                f"the {arm} was repeated {of[0]['epochs']:.1f} times; above {MANY_EPOCHS:.0f} repetition itself costs, "
                "so give it more text or compare at a smaller budget"
            )
    if len({estimate.mean < 0 for estimate in by_domain.values()}) > 1:
        found.append("the domains disagree about the winner: the verdict holds for their mean only")
    if len(difference.per_seed) == 2:
        found.append("two seeds: the t interval is 9 standard deviations wide to each side; 3 seeds make it 2.5")
    if floor and max(map(abs, floor.per_seed)) >= abs(difference.mean):
        found.append("the difference is no larger than that between runs on the same data with other seeds")
    return found
