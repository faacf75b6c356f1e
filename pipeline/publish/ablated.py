"""The ablation of a version: where it lies in the store, and what the dataset card of an export says of it.

A version is published before its ablation begins and never changes, so the result stands only in the card that leaves
the store. Such a card is the published one with a section behind it that follows from `ablation.json` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.store.store import Store

NAME = "ablation.json"


def place_of(dataset: str, version: str) -> str:
    """The folder of a version's ablation in the store."""
    return f"ablations/{dataset}/{version}"


def load_ablation(store: Store, dataset: str, version: str) -> dict[str, Any] | None:
    """What was found for a version; None where nobody has asked."""
    path = f"{place_of(dataset, version)}/{NAME}"
    if not store.exists(path):
        return None
    found: dict[str, Any] = json.loads(store.read(path))
    return found


def claims_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an export says of an ablation: no paths of the machine that it ran on, and no curves."""
    setting = found["setting"]
    claims = ("verdict", "first", "second", "difference", "adjusted_p", "by_domain")
    return {
        "metric": setting["metric"],
        "domains": list(setting["ruler"]["domains"]),
        "budget": setting["budget"]["name"],
        "tokens": setting["budget"]["tokens"],
        "parameters": found["runs"][0]["parameters"],
        "seeds": setting["seeds"],
        "comparisons": [{name: claim[name] for name in claims} for claim in found["comparisons"]],
        "warnings": found["warnings"],
    }


def card_section(claims: Mapping[str, Any]) -> str:
    """Markdown for the end of a dataset card: verdict, interval and ruler of every comparison, and the warnings."""
    lines = [
        "",
        "## Ablation: does a model learn more from it?",
        "",
        f"Ruler, fixed before training: {claims['metric']}, on {', '.join(claims['domains'])}; lower is better. "
        f"{claims['budget']} models of {claims['parameters']:,} parameters, {claims['tokens']:,} tokens a run, "
        f"{claims['seeds']} runs an arm.",
        "",
    ]
    for claim in claims["comparisons"]:
        lines.append(
            f"- **{claim['verdict']}**: {claim['second']} - {claim['first']} {signed(claim['difference'])}, "
            f"p {claim['adjusted_p']:.3g}; the smallest difference that this budget finds is "
            f"{claim['difference']['detectable']:.4f}"
        )
        lines += [f"  - on {domain}: {signed(one)}" for domain, one in claim["by_domain"].items()]
    lines += [f"- **warning**: {warning}" for warning in claims["warnings"]]
    return "\n".join([*lines, ""])


def signed(estimate: Mapping[str, float]) -> str:
    """A difference with its interval, for cards and reports."""
    return f"{estimate['mean']:+.4f} [{estimate['low']:+.4f}, {estimate['high']:+.4f}]"
