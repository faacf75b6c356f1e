"""How varied what a run wrote is: a model that begins every text alike teaches that beginning.

| measure         | what it means                                                                              |
|-----------------|--------------------------------------------------------------------------------------------|
| openers         | share of texts whose first three words no other text of the prompt begins with             |
| opener_bits     | entropy of those beginnings; the most possible is log2 of the number of texts              |
| common_opener   | the most frequent beginning, and how many texts have it                                    |
| distinct_words  | different words over words, of the first WORDS words, so that runs can be compared         |
| siblings        | pairs of texts from one parent, by whatever prompt                                         |
| alike           | mean Jaccard of their 5-grams of words; what is nearly the same was refused before         |
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from stages.l3_synthesize.words import ngram_size, ngrams, units

OPENER_WORDS, SHINGLE_WORDS = 3, 5
WORDS = 20_000
"""The share of different words falls with the length of a text, so it is taken of as many words each time."""


def diversity(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Prompt → what is measured of its texts. Rows have `text`, `prompt` and `parent_id`."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    families: defaultdict[str, list[tuple[str, set[tuple[str, ...]]]]] = defaultdict(list)
    for row in rows:
        texts[row["prompt"]].append(row["text"])
        words = units(row["text"])
        families[row["parent_id"]].append((row["prompt"], set(ngrams(words, ngram_size(row["text"], SHINGLE_WORDS)))))
    alike: defaultdict[str, list[float]] = defaultdict(list)
    for family in families.values():
        for (one, mine), (other, theirs) in itertools.combinations(family, 2):
            same = len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0
            for prompt in {one, other}:
                alike[prompt].append(same)
    return {prompt: _of_texts(found) | _of_siblings(alike[prompt]) for prompt, found in sorted(texts.items())}


def _of_texts(texts: list[str]) -> dict[str, Any]:
    openers = Counter(" ".join(units(text)[: ngram_size(text[:200], OPENER_WORDS)]) for text in texts)
    words = list(itertools.islice(itertools.chain.from_iterable(map(units, texts)), WORDS))
    shares = [count / len(texts) for count in openers.values()]
    return {
        "texts": len(texts),
        "openers": sum(count for count in openers.values() if count == 1) / len(texts),
        "opener_bits": -sum(share * math.log2(share) for share in shares) + 0.0,
        "common_opener": openers.most_common(1)[0],
        "distinct_words": len(set(words)) / len(words) if words else 0.0,
    }


def _of_siblings(alike: list[float]) -> dict[str, Any]:
    return {"siblings": len(alike), "alike": sum(alike) / len(alike) if alike else None}
