"""`python -m flows.demo --output DIR`: build the demo web, crawl it, and say what is in it and what came of it."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from flows.demo.crawled import crawl_demo_web, crawl_lines
from flows.demo.pages import PAGES, make_pages
from flows.demo.web import build_demo_web


def main() -> None:
    """Write the web and crawl it; print how many pages of which kind it has, and what the crawler did."""
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
    print("crawling it from this machine", flush=True)
    name = hashlib.sha256(path.read_bytes()).hexdigest()
    done = crawl_demo_web(list(make_pages(asked.pages)), asked.output / "crawl", name)
    print("\n".join(crawl_lines(done)))


if __name__ == "__main__":
    main()
