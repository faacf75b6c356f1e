"""What `make run` shows of a finished demo run: rewrites beside their sources, the certificate, the ablation.

python -m flows.demo_tour demo/run.json --output demo
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from flows.certify import check_certificate
from pipeline.ablation import BUDGETS, ablate, text_files
from pipeline.report import funnel_lines

REWRITES = 3
SEEDS = 2


def main() -> None:
    """Show everything; ends with an error if the certificate does not behave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="what `orefine run --json` printed")
    parser.add_argument("--output", type=Path, required=True, help="folder for the ablation")
    options = parser.parse_args()
    result = json.loads(options.result.read_text().splitlines()[-1])
    folders = {level["level"]: _folder(result, level) for level in result["levels"]}

    show_rewrites(folders["l4_verify"])
    show_certificate(Path(result["certificate"]))
    # What L2 leaves of so small a web is too little to train on and to hold a part out of.
    print("\n# Ablation: raw (L0) against filtered (L1)\n", flush=True)
    verdict = ablate(
        text_files(folders["l0_collect"]),
        text_files(folders["l1_filter"]),
        options.output / "ablation",
        BUDGETS["toy"],
        seeds=SEEDS,
        progress=lambda line: print(line, flush=True),
    )
    print(verdict.report.read_text())
    print("# Funnel\n")
    print("\n".join(funnel_lines(result["levels"])))
    print("\n# Where it lies\n")
    for name in ("release", "certificate", "report"):
        print(f"{name:<12} {result[name]}")
    print(f"{'ablation':<12} {verdict.report}")


def _folder(result: dict[str, Any], level: dict[str, Any]) -> Path:
    store = Path(result["release"]).parents[2]
    return Path(store, level["manifest"]).parent


def show_rewrites(lot: Path) -> None:
    """Some certified rewrites beside the beginning of what they were written from."""
    rows = ds.dataset(lot / "data").to_table(columns=["text", "source_text", "prompt", "url"]).to_pylist()
    print(f"# Rewrites: {len(rows)} certified, {min(REWRITES, len(rows))} shown")
    for row in rows[:REWRITES]:
        print(f"\n## {row['prompt']} of {row['url']}\n")
        print(textwrap.indent(textwrap.fill(textwrap.shorten(row["source_text"], 400), 110), "  < "))
        print(textwrap.indent("\n".join(textwrap.fill(line, 110) for line in row["text"].split("\n")), "  > "))


def show_certificate(certificate: Path) -> None:
    """It verifies; a copy of the lot with one changed byte does not."""
    print(f"\n# Certificate\n\n{certificate}")
    findings = check_certificate(certificate)
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
        findings = check_certificate(copy / certificate.name)
        if not findings:
            raise SystemExit("the certificate verifies although a byte of its lot was changed")
        print(f"after one changed byte: {findings[0]}")


if __name__ == "__main__":
    main()
