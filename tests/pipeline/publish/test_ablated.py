"""The ablation of a version, in the card that leaves the store with it."""

import json
from pathlib import Path
from typing import Any

from pipeline.publish.ablated import card_section, claims_of, load_ablation, place_of
from pipeline.publish.export import export_hf
from pipeline.publish.verify_copy import verify_copy
from pipeline.store.local import LocalStore
from tests.pipeline.publish.helpers import release


def span(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": mean, "low": low, "high": high, "detectable": 0.05}


def found(mean: float = -0.2) -> dict[str, Any]:
    """As `pipeline.ablation.compare` leaves it, less what a card does not need."""
    claim = {"first": "l0_collect", "second": "l1_filter", "verdict": "l1_filter better", "adjusted_p": 0.01}
    claim |= {"difference": span(mean, -0.3, -0.1), "by_domain": {"forums": span(mean, -0.4, -0.1)}}
    setting = {
        "metric": "mean bits per byte",
        "ruler": {"domains": {"forums": {"documents": 10}}},
        "budget": {"name": "toy", "tokens": 2_000_000},
        "seeds": 3,
        "arms": {"l0_collect": {"files": ["/home/somebody/part-0.parquet"]}},
    }
    runs = [{"arm": "l0_collect", "parameters": 1_000_000, "curve": []}]
    return {"setting": setting, "comparisons": [claim], "runs": runs, "warnings": ["two seeds"]}


def judge(store: LocalStore, version: str, mean: float = -0.2) -> None:
    store.replace(f"{place_of('toy', version)}/ablation.json", json.dumps(found(mean)).encode())


def test_a_version_that_nobody_judged_has_none(tmp_path: Path):
    store = LocalStore(tmp_path)
    assert load_ablation(store, "web", "1") is None
    store.replace(f"{place_of('web', '1')}/ablation.json", b'{"status": "done"}')
    assert load_ablation(store, "web", "1") == {"status": "done"}


def test_the_section_names_verdict_interval_ruler_and_warnings():
    said = card_section(claims_of(found()))
    assert "mean bits per byte, on forums; lower is better. toy models of 1,000,000 parameters" in said
    assert "- **l1_filter better**: l1_filter - l0_collect -0.2000 [-0.3000, -0.1000], p 0.01" in said
    assert "  - on forums: -0.2000 [-0.4000, -0.1000]" in said
    assert "- **warning**: two seeds" in said


def test_an_exported_card_ends_with_it_and_says_nothing_of_the_machine(tmp_path: Path):
    store, directory, published = release(tmp_path)
    card = store.read(f"{directory}/README.md").decode()
    judge(store, published.version)
    out = export_hf(store, directory, tmp_path / "out")
    assert (out / "README.md").read_text() == card + card_section(claims_of(found()))
    assert "/home/" not in (out / "ablation.json").read_text()
    assert verify_copy(out) == []


def test_a_copy_made_before_or_judged_anew_is_brought_up_to_date(tmp_path: Path):
    store, directory, published = release(tmp_path)
    out = export_hf(store, directory, tmp_path / "out")
    for mean in (-0.2, -0.1):
        judge(store, published.version, mean)
        export_hf(store, directory, out)
        assert (out / "README.md").read_text().count("## Ablation") == 1
        assert f"l0_collect {mean:+.4f}" in (out / "README.md").read_text()
        assert verify_copy(out) == []
