"""When what was found of an evaluation item counts as the item: by the first of these rules that holds.

| rule            | item                        | asks                                                                 |
|-----------------|-----------------------------|----------------------------------------------------------------------|
| long_question   | question of 13 words or more| LONG of its weight                                                   |
| question_answer | any                         | SOME of the question, MOST of an answer that says something          |
| question_parts  | any                         | SOME of the question, MOST of all choices together                   |
| whole_question  | question of 7 words or more | all but a trace, of a question that says much                        |
| whole_item      | any                         | all but a trace of question and parts, which together say much       |
| answered        | any                         | all but a trace of question and answer behind it, which say much     |

13 words is what GPT-3 looked for (and lm-eval fixes). SPREAD holds for all: words strewn over a page are no item. The
limits were chosen on samples of planted items and on FineWeb and C4 pages (`benchmarks/l4_contamination.py`).
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.contamination.item_index import ItemIndex
from pipeline.kernels.utf8 import Array

RULES = ("", "long_question", "question_answer", "question_parts", "whole_question", "whole_item", "answered")
LONG_WORDS, LONG = 13, 0.75
SHORT_WORDS, WHOLE, MUCH = 7, 0.97, 20.0
SOME, MOST, SAYS = 0.6, 0.7, 10.0
"""SAYS and MUCH are weights, natural logarithms: two words that one item in 150 has weigh 10."""
SPREAD, LOOSE = 1.6, 4
"""Words that the question may span in the text, as a multiple of its own words and some more."""


def rule_of(index: ItemIndex, hits: Array) -> Array:
    """For each hit the number of its rule in RULES; 0: no contamination."""
    item = hits["item"]
    sizes = np.diff(index.parts)
    words = sizes[index.first[item]]
    totals = np.concatenate([[0.0], np.cumsum(index.raw_weights, dtype=np.float64)])[index.parts]
    part_weights = np.diff(totals)
    answer_weight = np.where(index.answer[item] > 0, part_weights[index.first[item] + index.answer[item]], 0.0)
    parts_weight = totals[index.first[item + 1]] - totals[index.first[item] + 1]
    question = hits["question"]
    compact = hits["words"] <= SPREAD * words + LOOSE
    found = [
        (words >= LONG_WORDS) & (question >= LONG),
        (question >= SOME) & (hits["answer"] >= MOST) & (answer_weight >= SAYS) & (words >= SHORT_WORDS),
        (question >= SOME) & (hits["parts"] >= MOST) & (parts_weight >= 2 * SAYS),
        (words >= SHORT_WORDS) & (question >= WHOLE) & (index.question_weight[item] >= MUCH),
        (question >= WHOLE) & (hits["parts"] >= WHOLE) & (index.question_weight[item] + parts_weight >= MUCH),
        (question >= WHOLE) & (hits["next"] >= WHOLE) & (index.question_weight[item] + answer_weight >= MUCH),
    ]
    return np.where(compact, np.select(found, range(1, len(RULES)), 0), 0)
