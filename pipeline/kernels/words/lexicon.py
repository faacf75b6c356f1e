"""What the loops over English words look up: one array, and how a string is found in it.

All that the loops look up lies in one int64 array, since arrays are what a call costs:

| from            | entries                                                                                       |
|-----------------|-----------------------------------------------------------------------------------------------|
| 0               | class of each code point                                                                      |
| `LENGTHS`       | per first byte: bit n is set if an exception of n bytes begins with it                        |
| `LEXICON`       | hash table of exceptions and units, four numbers a slot: hash of the string (0: free),        |
|                 | EXCEPTION or UNIT or both, cuts (bit n: the exception is cut before its byte n), and parts:   |
|                 | the same as it would be cut if it were none (0: in one piece), which step 3 looks for         |
| `SIEVE`         | a bit for each value of a hash's first 16 bits: set if a string of the table has such a hash  |

`word_rules.word_table` fills it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import CODE_POINTS, hash_bytes

LENGTHS = CODE_POINTS
LEXICON = LENGTHS + 256
SLOTS = 4096
SIEVE = LEXICON + 4 * SLOTS
EXCEPTION, UNIT = 1, 2
LONGEST = 32
"""Bytes of the longest exception, or more; cuts must fit into an int64."""
MOST_PARTS = 12
"""Words that an exception would be cut into if it were none, or more; an emoticon is cut into 11."""


@njit(cache=True, nogil=True)
def find(key, table):
    """Where the string of this hash lies in the table, or -1."""
    slot = np.int64(key) & (SLOTS - 1)
    while True:
        at = LEXICON + 4 * slot
        if table[at] == np.int64(key):
            return at
        if table[at] == 0:
            return -1
        slot = (slot + 1) & (SLOTS - 1)


@njit(cache=True, nogil=True)
def maybe_known(key, table):
    """False if no string of the table has this hash."""
    first = np.int64(key >> np.uint64(48))
    return (table[SIEVE + (first >> 6)] >> (first & 63)) & 1 != 0


@njit(cache=True, nogil=True)
def find_exception(data, start, stop, table):
    """Where the exception that this string is lies in the table, or -1."""
    size = stop - start
    if size <= 0 or size > LONGEST or not (table[LENGTHS + data[start]] >> size) & 1:
        return -1
    at = find(hash_bytes(data, start, stop), table)
    return at if at >= 0 and table[at + 1] & EXCEPTION else -1
