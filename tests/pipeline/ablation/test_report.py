"""The page that people read of an ablation, from the numbers in ablation.json."""

from typing import Any

from pipeline.ablation.report import markdown


def estimate(mean: float) -> dict[str, Any]:
    return {"per_seed": [mean - 0.01, mean + 0.01], "mean": mean, "low": mean - 0.02, "high": mean + 0.02}


SETTING = {
    "metric": "bits per byte", "rule": "both intervals exclude 0", "seeds": 2,
    "heldout": {
        "origin": "files given",
        "domains": {"web": {"documents": 1200, "bytes": 34567, "left_out_as_overlapping": 1001}},
    },
    "arms": {
        "baseline": {
            "documents": 5000, "bytes": 60000, "files": ["a", "b"], "chosen_documents": 4000, "chosen_bytes": 50000,
            "identity": "abc",
        }
    },
    "versions": {"torch": "2.13", "numpy": "2.3"},
    "budget": {
        "name": "toy", "width": 128, "layers": 4, "tokens": 262144, "steps": 1256, "batch": 4, "sequence": 256,
        "learning_rate": 2e-3,
    },
    "tokenizer": {"vocabulary": 2048}, "device": "cpu",
}  # fmt: skip
RUN = {
    "arm": "baseline", "seed": 1, "bpb": {"web": 2.51239, "mean": 2.61239}, "epochs": 1.239, "unique_tokens": 123456,
    "train_seconds": 40.2, "evaluate_seconds": 2.5, "parameters": 1100000,
}  # fmt: skip
RESULT = {
    "verdict": "candidate better", "bpb": {"baseline": 2.61239, "candidate": 2.5}, "difference": estimate(-0.11),
    "smallest_detectable": 0.02, "bootstrap": (-0.2, -0.05), "noise_floor": None, "warnings": ["two seeds"],
    "by_domain": {"web": estimate(-0.1)}, "runs": [RUN],
}  # fmt: skip
PAGE = """\
# Candidate better

Metric, fixed before training: bits per byte; lower is better. Rule: both intervals exclude 0.

- baseline 2.6124, candidate 2.5000 bits per byte (means of 2 seeds)
- difference (candidate minus baseline) -0.1100, 95 % [-0.1300, -0.0900] (seeds -0.1200, -0.1000) over seeds; \
[-0.2000, -0.0500] over held-out documents
- smallest difference that these seeds can detect: 0.0200
- **warning**: two seeds

## By held-out domain

| domain | documents | bytes | left out as overlapping | difference |
|---|---|---|---|---|
| web | 1,200 | 34,567 | 1,001 | -0.1000, 95 % [-0.1200, -0.0800] (seeds -0.1100, -0.0900) |

Held out: files given.

## Runs

| arm | seed | web | mean | epochs | unique tokens | seconds |
|---|---|---|---|---|---|---|
| baseline | 1 | 2.5124 | 2.6124 | 1.24 | 123,456 | 43 |

## Data and settings

- baseline: 5,000 documents, 60,000 bytes in 2 files; 4,000 documents, 50,000 bytes to train on (`abc`)
- budget toy: 1,100,000 parameters (width 128, 4 layers), 262,144 tokens a run: 1,256 steps x 4 x 256, \
learning rate 0.002 with a tenth of warm-up and a cosine to 0
- tokenizer of 2,048 ids, trained on both arms; device cpu; torch 2.13, numpy 2.3
"""


def test_the_page_of_a_small_ablation() -> None:
    assert markdown(SETTING, RESULT) == PAGE


def test_a_noise_floor_stands_behind_the_smallest_difference() -> None:
    lines = markdown(SETTING, RESULT | {"noise_floor": estimate(0.5)}).splitlines()
    floor = "- noise floor, baseline against baseline with other seeds: +0.5000, 95 % [+0.4800, +0.5200]"
    assert lines[lines.index("- smallest difference that these seeds can detect: 0.0200") + 1].startswith(floor)
