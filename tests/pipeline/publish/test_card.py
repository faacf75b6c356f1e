"""The data set card: what readers of a release see first, all of it from manifests."""

import pyarrow as pa
import pytest

from pipeline.books.accounting import AtStep, Passage
from pipeline.books.manifest import Manifest, Parent
from pipeline.publish.card import dataset_card, size_category
from pipeline.publish.release import Release, funnel


def manifest(level: str, steps: list[dict], by_step: dict[str, AtStep], **counts: object) -> Manifest:
    given = {
        "dataset": "toy", "recipe_id": "r", "content_id": "c", "versions": {}, "rows_in": 0, "rows_out": 0,
        "dropped": {}, "quarantined": 0, "changed": {}, "bytes_in": 0, "bytes_out": 0, "seconds": 0, "files": [],
        "parents": [Parent(level="l0_collect", recipe_id="r", content_id="c", manifest="")],
    }  # fmt: skip
    return Manifest(level=level, steps=steps, by_step=by_step, **(given | counts))


def card(*manifests: Manifest) -> str:
    release = Release(
        dataset="toy", version="v1", content_id="c", recipe_id="r", level="l1_filter", rows=1234, levels=[],
        funnel=funnel(manifests), files=[],
    )  # fmt: skip
    return dataset_card(release, manifests)


PAGE = """\
---
pretty_name: toy
size_categories:
- 1K<n<10K
task_categories:
- text-generation
tags:
- orefine
- l1_filter
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---
# toy

1,234 documents after l1_filter, made by Orefine: 56,789 bytes of text, by estimate 12,790 tokens (4.44 bytes each, as \
GPT-2 has on English web text).

- version `v1`
- content id `c`: a rebuild from the same input must reproduce it
- recipe id `r`: hash of input, configuration, code and models

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", split="train")
```

| level | rows in | rows out | dropped | quarantined | bytes out |
|---|---|---|---|---|---|
| l1_filter | 2,240 | 1,234 | 1,002 | 1,004 | 56,789 |

## What to know before use

- Licence: none was stated for the whole; each text keeps that of its source.
- Personal data: no step looked for it.
- Duplicates were not looked for.
- Overlap with evaluation sets was not looked for.
- Whether training on it helps: no ablation is recorded in this version.

## Steps and what they dropped

- **l1_filter · 01 words** `{"a": null, "minimum": 2}`
  - list: sha256 `0`
  - long: 2
  - short: 1,000
- **l1_filter · 02 pages** `{}`
"""


def test_the_card_of_a_small_release():
    words = {"kind": "words", "minimum": 2, "a": None, "assets": {"list": "0"}, "shows": {}}
    made = manifest(
        "l1_filter", [words, {"kind": "pages"}], {"01 words": AtStep(rows_in=9, dropped={"short": 1000, "long": 2})},
        rows_in=2230, rows_made=10, rows_out=1234, dropped={"words.short": 1000, "words.long": 2}, quarantined=1004,
        bytes_out=56789,
    )  # fmt: skip
    assert card(made) == PAGE


def test_a_card_says_that_repeats_are_a_column_where_they_are():
    note = "Each row stands once; the column `repeats` says how often training is to read it."
    levels = [manifest("l1_filter", [{"kind": "words"}], {}), manifest("l2_select", [{"kind": "upsample"}], {})]
    assert card(*levels).endswith(f"\n\n{note}\n")
    assert note not in card(levels[0])


def test_the_hub_reads_the_head_and_what_is_counted_is_said():
    hub = pytest.importorskip("huggingface_hub")
    groups = {
        "language": {"en": {"01 language": Passage(rows_in=9, dropped={"x": 2})}, "de": {"01 language": Passage()}},
        "source": {"web": {"01 language": Passage(rows_in=7)}},
    }
    steps = [{"kind": "language"}, {"kind": "personal_data"}, {"kind": "near_duplicates"}]
    made = manifest("l1_filter", steps, {}, groups=groups, changed={"personal_data.email": 3})
    text = card(made)
    data = hub.DatasetCard(text).data
    assert (data.language, data.size_categories, data.pretty_name) == (["en"], ["1K<n<10K"], "toy")
    assert data.configs[0]["data_files"][0]["path"] == "data/train-*.parquet"
    assert "Sources: web (7 rows)." in text
    assert "(email in 3 rows)" in text
    assert "Duplicates were not looked for" not in text


def test_the_example_row_cannot_end_its_block():
    release = Release(
        dataset="toy", version="v1", content_id="c", recipe_id="r", level="l1_filter", rows=1, levels=[],
        funnel=[], files=[],
    )  # fmt: skip
    text = "```\n---\n# mine\n" + "x" * 400
    page = dataset_card(release, [manifest("l1_filter", [], {})], pa.schema([("text", pa.string())]), {"text": text})
    assert "| `text` | string |" in page
    assert "\n# mine" not in page
    assert "x" * 300 not in page


@pytest.mark.parametrize(
    ("rows", "name"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**5, "100K<n<1M"), (10**9, "1B<n<10B"), (10**13, "n>1T")],
)
def test_sizes_are_named_as_the_hub_does(rows: int, name: str):
    assert size_category(rows) == name
