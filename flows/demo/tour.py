"""What `make run` shows of a finished demo run, level by level; ends with an error where a level did not do its work.

python -m flows.demo.tour demo/run.json --output demo
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from flows.demo.labels import show_selection
from flows.demo.quote import quoted
from flows.demo.tasks import show_tasks
from flows.runs.ablation import keep_result
from flows.runs.certify import check_certificate
from flows.runs.report import finished_levels, write_report
from pipeline.ablation import BUDGETS, Verdict, ablate, text_files
from pipeline.publish.release import load_release
from pipeline.report.funnel import funnel_lines
from pipeline.store.local import LocalStore

STEPS, SEEDS = 160, 5
"""Of the ablation: a minute of two cores. Five short runs of each arm give a narrower interval than two long ones."""
REASONS, REWRITES = 5, 2


def main() -> None:
    """Show everything, and what was found once more at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="what `orefine run --json` printed")
    parser.add_argument("--output", type=Path, required=True, help="folder of the demo web, and for the ablation")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of each proxy model")
    options = parser.parse_args()
    result = json.loads(options.result.read_text(encoding="utf-8").splitlines()[-1])
    folders = {level["level"]: _folder(result, level) for level in result["levels"]}

    show_dropped(folders["l0_collect"], folders["l1_filter"])
    selection = show_selection(folders["l1_filter"], folders["l2_select"], options.output / "demo.truth.json")
    rewrites = show_rewrites(folders["l3_synthesize"], folders["l4_verify"])
    show_certificate(Path(result["certificate"]))
    tasks = show_tasks(options.output / "store")
    verdict = compare(folders["l0_collect"], folders["l2_select"], options.output, options.steps)
    add_to_report(result, verdict.result.parent)
    print("\n# Funnel\n")
    print("\n".join(funnel_lines(result["levels"])))
    print("\n# Where it lies\n")
    for name in ("release", "certificate", "report"):
        print(f"{name:<12} {result[name]}")
    print(f"{'ablation':<12} {verdict.report}")
    for level in result["levels"][:3]:
        print(f"{level['level']:<12} content id {level['content_id']}")
    print("\n# In short\n")
    print(selection)
    print(rewrites)
    print(tasks)
    print(
        f"ablation: {verdict.verdict}: {verdict.baseline:.3f} bits per byte raw, {verdict.candidate:.3f} refined, on "
        "text that explains and that no model has seen (lower is better)"
    )


def _folder(result: dict[str, Any], level: dict[str, Any]) -> Path:
    store = Path(result["release"]).parents[2]
    return Path(store, level["manifest"]).parent


def show_dropped(collected: Path, filtered: Path) -> None:
    """For the most frequent reasons of L1, one document each with what was measured."""
    dropped = ds.dataset(filtered / "dropped").to_table()
    texts = ds.dataset(collected / "data").to_table(columns=["id", "text"])
    print(f"# L1 dropped {len(dropped)} of {len(texts)} pages; one of each of the {REASONS} most frequent reasons")
    counts = sorted(pc.value_counts(dropped["reason"]).to_pylist(), key=lambda one: (-one["counts"], one["values"]))
    for count in counts[:REASONS]:
        row = dropped.filter(pc.equal(dropped["reason"], count["values"])).slice(0, 1).to_pylist()[0]
        measured = "" if row["value"] is None else f": measured {row['value']:.4g}, limit {row['threshold']:.4g}"
        print(f"\n## {count['counts']} times {count['values']}\n\n{row['url']}{measured}")
        [text] = texts.filter(pc.equal(texts["id"], row["id"]))["text"].to_pylist()
        print(quoted(text, "  | "))


def show_rewrites(written: Path, certified: Path) -> str:
    """Of each prompt the certified rewrites that took least word for word, beside what they were written from."""
    columns = ["text", "source_text", "prompt", "url"]
    accepted = ds.dataset(written / "data").count_rows()
    rows = ds.dataset(certified / "data").to_table(columns=columns).to_pylist()
    if not accepted:
        raise SystemExit("L3 accepted no rewrite at all; see `dropped` and `quarantine` of its level for the reasons")
    print(f"\n# L3 and L4: {accepted} rewrites accepted, {len(rows)} passed all checks; least overlap with the source:")
    rows.sort(key=lambda row: (overlap(row["text"], row["source_text"]), row["url"]))
    for prompt in sorted({row["prompt"] for row in rows}):
        for row in [row for row in rows if row["prompt"] == prompt][:REWRITES]:
            print(f"\n## {prompt} of {row['url']}: {overlap(row['text'], row['source_text']):.0%} overlap\n")
            print(quoted(row["source_text"], "  < "))
            print(textwrap.indent("\n".join(textwrap.fill(line, 110) for line in row["text"].split("\n")), "  > "))
    return f"rewrites: {accepted} accepted, {len(rows)} passed all checks and are certified"


def overlap(text: str, source: str) -> float:
    """The share of the text's runs of three words that its source has, too."""
    found, known = _runs(text), set(_runs(source))
    return sum(run in known for run in found) / max(1, len(found))


def _runs(text: str) -> list[tuple[str, str, str]]:
    words = text.lower().split()
    return list(zip(words, words[1:], words[2:], strict=False))


def show_certificate(certificate: Path) -> None:
    """It verifies; a copy of the lot with one changed byte does not."""
    print(f"\n# Certificate\n\n{certificate}")
    findings = check_certificate(str(certificate))
    if findings:
        raise SystemExit(f"the certificate does not verify: {findings}")
    print("verifies: hashes, counts and formal checks were recomputed")
    with tempfile.TemporaryDirectory() as folder:
        # Certificates name their lot by level and folder, so the copy keeps both names.
        copy = Path(shutil.copytree(certificate.parent, Path(folder, *certificate.parts[-3:-1])))
        victim = next(path for path in sorted((copy / "data").iterdir()) if path.stat().st_size)
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
        findings = check_certificate(str(copy / certificate.name))
        if not findings:
            raise SystemExit("the certificate verifies although a byte of its lot was changed")
        print(f"after one changed byte: {findings[0]}")


def compare(raw: Path, refined: Path, output: Path, steps: int) -> Verdict:
    """Proxy models on what L0 read and on what L2 left, compared on text that explains and is on no page."""
    print("\n# Ablation: raw (L0) against refined (L2)\n", flush=True)
    budget = replace(BUDGETS["toy"], name="demo", steps=steps)
    held_out = [output / "explains.parquet"]
    verdict = ablate(
        text_files(raw),
        text_files(refined),
        output / "ablation",
        budget,
        held_out,
        SEEDS,
        lambda line: print(line, flush=True),
    )
    print(verdict.report.read_text(encoding="utf-8"))
    return verdict


def add_to_report(result: dict[str, Any], ablation: Path) -> None:
    """Lay the ablation beside the version, and make the run's report again with it."""
    root = Path(result["release"]).parents[2]
    store = LocalStore(str(root))
    directory, report = (str(Path(result[name]).relative_to(root)) for name in ("release", "report"))
    keep_result(store, result["dataset"], result["version"], ablation)
    write_report(store, directory, report, finished_levels(store, load_release(store, directory)))


if __name__ == "__main__":
    main()
