"""Access keys: tokens with a known prefix, and private key blocks."""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.personal.classes import ALNUM, CLASS, DIGIT, LETTER, NOTHING, TOKEN, UPPER, is_a, run_of, starts

KEY = 6
"""Its place among `KINDS`."""

TOKENS = (  # prefix, bytes of its body, least and most of them; as the issuers' documentation and secret scanners say
    ("AKIA", UPPER | DIGIT, 16, 16),  # AWS
    ("ASIA", UPPER | DIGIT, 16, 16),
    ("AIza", TOKEN, 35, 35),  # Google
    *((f"gh{letter}_", ALNUM, 36, 36) for letter in "pousr"),  # GitHub
    ("github_pat_", TOKEN, 82, 82),
    ("glpat-", TOKEN, 20, 20),  # GitLab
    ("hf_", LETTER, 34, 34),  # Hugging Face
    ("sk-", ALNUM, 32, 256),  # OpenAI and others
    ("pk-", ALNUM, 32, 256),
    *((f"sk-{kind}-", TOKEN, 32, 256) for kind in ("proj", "svcacct", "admin", "or-v1", "ant-api03", "ant-admin01")),
    ("sk_live_", ALNUM, 24, 256),  # Stripe
    ("rk_live_", ALNUM, 24, 256),
    *((f"xox{letter}-", TOKEN, 24, 256) for letter in "abeprs"),  # Slack
)
SIZE = max(len(prefix) for prefix, _, _, _ in TOKENS)
PREFIX = np.array([list(prefix.encode().ljust(SIZE, b"\0")) for prefix, _, _, _ in TOKENS], np.uint8)
PREFIX_ANCHOR = np.array([min(prefix.find(c) % 99 for c in "I_-") for prefix, _, _, _ in TOKENS])
PREFIX_SIZE = np.array([len(prefix) for prefix, _, _, _ in TOKENS])
BODY, LEAST, MOST = (np.array([token[column] for token in TOKENS]) for column in (1, 2, 3))


@njit(cache=True, nogil=True)
def find_key(data, first, i, last):
    """An access token with a known prefix, or a private key from its first to its last line."""
    if starts(data, i, last, b"-----BEGIN "):
        return _key_block(data, i, last)
    if i == first or not CLASS[data[i - 1]] & LETTER:  # which every prefix has before its anchor
        return NOTHING
    for token in range(len(PREFIX)):
        start = i - PREFIX_ANCHOR[token]
        if start < first or not starts(data, start, last, PREFIX[token, : PREFIX_SIZE[token]]):
            continue
        body = start + PREFIX_SIZE[token]
        least, most = LEAST[token], MOST[token]
        stop = run_of(data, body, min(last, body + most + 1), BODY[token])
        if start > first and CLASS[data[start - 1]] & TOKEN:
            continue
        if not least <= stop - body <= most or is_a(data, stop, last, ALNUM):
            continue
        if least < most and not _is_random(data, body, stop):  # such as the name of a CSS class
            continue
        return KEY, start, stop
    return NOTHING


@njit(cache=True, nogil=True)
def _key_block(data, start, last):
    """From BEGIN … PRIVATE KEY to its END line; without one it stays."""
    i = start + 11
    while i < last and i - start < 60 and (CLASS[data[i]] & (UPPER | DIGIT) or data[i] == 32):
        i += 1
    named = starts(data, i - 11, last, b"PRIVATE KEY") or starts(data, i - 17, last, b"PRIVATE KEY BLOCK")
    if not named or not starts(data, i, last, b"-----"):
        return NOTHING
    i += 5
    while i + 1 < last and not (data[i] == 45 and data[i + 1] == 45):
        i += 1
    if not starts(data, i, last, b"-----END "):
        return NOTHING
    i += 9
    while i < last and (CLASS[data[i]] & (UPPER | DIGIT) or data[i] == 32):
        i += 1
    return (KEY, start, i + 5) if starts(data, i, last, b"-----") else NOTHING


@njit(cache=True, nogil=True)
def _is_random(data, start, stop):
    """Is it of digits and letters, ten in a row of which some are no small letters? Slugs are words and short numbers
    with hyphens between them."""
    i, some, found = start, 0, False
    while i < stop:
        run, plain = i, True
        while i < stop and CLASS[data[i]] & ALNUM:
            some |= CLASS[data[i]]
            plain &= 97 <= data[i] <= 122
            i += 1
        found |= i - run >= 10 and not plain
        i += 1
    return found and some & DIGIT != 0 and some & LETTER != 0
