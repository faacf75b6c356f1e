"""`python -m flows.demo --output DIR`: build the demo web and say what is in it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from flows.demo.pages import PAGES
from flows.demo.web import build_demo_web


def main() -> None:
    """Write the web; print how many pages of which kind it has."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description="Build a small web to try Orefine on.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--pages", type=int, default=PAGES)
    asked = parser.parse_args()
    print("building the demo web from the text of installed packages", flush=True)
    path = build_demo_web(asked.output, asked.pages)
    counts = json.loads((asked.output / "demo.truth.json").read_text(encoding="utf-8"))["counts"]
    print(f"{path}: {path.stat().st_size:,} bytes, {sum(counts.values())} pages")
    for kind, count in counts.items():
        print(f"{count:6}  {kind}")


if __name__ == "__main__":
    main()
