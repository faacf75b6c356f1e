"""The page that people read of an ablation, from the numbers in ablation.json."""

from typing import Any

from pipeline.ablation.report import markdown


def estimate(mean: float) -> dict[str, Any]:
    return {
        "per_seed": [mean - 0.01, mean + 0.01],
        "mean": mean,
        "low": mean - 0.02,
        "high": mean + 0.02,
        "detectable": 0.02,
    }


SETTING = {
    "metric": "macro mean of bits per byte over web, quiz", "rule": "p below 0.05", "seeds": 2, "trunk": "",
    "ruler": {
        "origin": "files given",
        "domains": {
            "web": {"kind": "text", "documents": 1200, "sites": 900, "bytes": 34567, "left_out_as_overlapping": 1001},
            "quiz": {"kind": "task", "documents": 30, "sites": 30, "bytes": 450, "left_out_as_overlapping": 0},
        },
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
        "learning_rate": 2e-3, "ngram_tokens": 1000000,
    },
    "tokenizer": {"vocabulary": 2048}, "device": "cpu", "weight_decay": 0.1,
    "tainted": {"baseline": 1234, "candidate": 0}, "controls_missing": ["target: too little text"],
}  # fmt: skip
RUN = {
    "arm": "baseline", "seed": 1, "bpb": {"web": 2.51239, "quiz": 3.1, "mean": 2.61239}, "accuracy": {"quiz": 0.25},
    "ngram_bpb": {"mean": 2.4}, "epochs": 1.239, "unique_tokens": 123456, "train_seconds": 40.2,
    "evaluate_seconds": 2.5, "parameters": 1100000,
}  # fmt: skip
FOUND = {
    "first": "baseline", "second": "candidate", "verdict": "candidate better", "difference": estimate(-0.11),
    "second_opinion": estimate(-0.05), "at_second_rate": None,
    "by_domain": {"web": estimate(-0.1), "quiz": estimate(-0.12)},
    "adjusted_p": 0.0123,
}  # fmt: skip
CHECK = FOUND | {"second": "shuffled", "difference": estimate(0.5)}
RESULT = {
    "bpb": {"baseline": 2.61239, "candidate": 2.5}, "comparisons": [FOUND], "warnings": ["two seeds"], "runs": [RUN],
    "controls": [{**CHECK, "holds": True}, {**CHECK, "second": "target", "holds": False}],
    "noise_floor": {"baseline": estimate(0.01), "candidate": estimate(0.3)},
}  # fmt: skip
PAGE = """\
# Candidate better

Ruler, fixed before training: macro mean of bits per byte over web, quiz; lower is better. Rule: p below 0.05.

- **candidate better**: candidate 2.5000, baseline 2.6124; difference -0.1100 [-0.1300, -0.0900], p 0.0123; \
smallest detectable difference 0.0200; n-grams -0.0500 [-0.0700, -0.0300]
- **warning**: two seeds

## By domain

| domain | kind | documents | sites | bytes | left out as overlapping | candidate - baseline |
| --- | --- | --- | --- | --- | --- | --- |
| web | text | 1,200 | 900 | 34,567 | 1,001 | -0.1000 [-0.1200, -0.0800] |
| quiz | task | 30 | 30 | 450 | 0 | -0.1200 [-0.1400, -0.1000] |

Held out: files given.
Training texts left out because they hold an item of a task: 1,234 of the baseline, 0 of the candidate.

## Controls and noise floor

| arm | against the baseline | difference | n-grams |
| --- | --- | --- | --- |
| shuffled | as it must | +0.5000 [+0.4800, +0.5200] | -0.0500 [-0.0700, -0.0300] |
| target | **not as it must** | +0.5000 [+0.4800, +0.5200] | -0.0500 [-0.0700, -0.0300] |
| baseline against itself | covers zero | +0.0100 [-0.0100, +0.0300] |  |
| candidate against itself | **excludes zero** | +0.3000 [+0.2800, +0.3200] |  |

- no target: too little text

## Runs

| arm | seed | web | quiz | mean | accuracy quiz | n-grams | epochs | unique tokens | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| baseline | 1 | 2.5124 | 3.1000 | 2.6124 | 0.250 | 2.4000 | 1.24 | 123,456 | 43 |

## Data and settings

- baseline: 5,000 documents, 60,000 bytes in 2 files; 4,000 documents, 50,000 bytes to train on (`abc`)
- budget toy: 1,100,000 parameters (width 128, 4 layers), 262,144 tokens a run: 1,256 steps x 4 x 256, \
learning rate 0.002: a tenth of warm-up, three tenths of decay; weight decay 0.1; mean of the last checkpoints; \
n-grams of 1,000,000 tokens
- tokenizer of 2,048 ids, trained on all arms; device cpu; torch 2.13, numpy 2.3
"""


def test_the_page_of_a_small_ablation() -> None:
    assert markdown(SETTING, RESULT) == PAGE


def test_a_page_without_controls_has_no_table_of_them() -> None:
    plain = markdown(SETTING | {"controls_missing": []}, RESULT | {"controls": [], "noise_floor": {}})
    assert "## Controls" not in plain
    assert "## Runs" in plain
