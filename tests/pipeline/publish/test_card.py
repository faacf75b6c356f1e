"""The data set card: what readers of a release see first, all of it from manifests."""

from pipeline.books.accounting import AtStep
from pipeline.books.manifest import Manifest, Parent
from pipeline.publish.card import dataset_card
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
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---
# toy

1,234 documents after l1_filter, made by Orefine.

- version `v1`
- content id `c`: a rebuild from the same input must reproduce it
- recipe id `r`: hash of input, configuration, code and models

| level | rows in | rows out | dropped | quarantined | bytes out |
|---|---|---|---|---|---|
| l1_filter | 2,240 | 1,234 | 1,002 | 1,004 | 56,789 |

## Steps and what they dropped

- **l1_filter · 01 words** `{"a": null, "minimum": 2}`
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
