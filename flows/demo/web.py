"""Write the demo web into a folder, and crawl it.

| file                | holds                                                                         |
|---------------------|-------------------------------------------------------------------------------|
| demo.warc.gz        | warcinfo, then a request and a response for each page                         |
| demo.truth.json     | {"counts": {kind: pages}, "pages": {url: kind}}: what a person would say      |
| crawl/              | what the crawler sealed of it: other dates and another order each time        |
| explains.parquet    | texts that explain and are on no page: the ruler of the ablation              |

But for the crawl every environment with this lock gets the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.demo.pages import PAGES, held_out, make_pages
from flows.demo.warc import write_warc


def build_demo_web(output: Path, pages: int = PAGES) -> Path:
    """Write the demo web of so many pages into the folder `output`; the path of its WARC file."""
    output.mkdir(parents=True, exist_ok=True)
    made = list(make_pages(pages))
    path = output / "demo.warc.gz"
    write_warc(path, made)
    truth = {
        "counts": dict(sorted(Counter(page.kind for page in made).items())),
        "pages": {page.url: page.kind for page in made},
    }
    (output / "demo.truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    pq.write_table(pa.table({"text": ["\n".join(one.paragraphs) for one in held_out()]}), output / "explains.parquet")
    return path
