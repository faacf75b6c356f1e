"""Is a chunk of text a URL? As spaCy 3.8 decides it: a word that it does not cut any further.

Optional scheme, optional user in front of @, a host name or IPv4 address, optional port, optional path. Local addresses
(10.x, 127.x, 192.168.x …) do not count.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import class_at
from pipeline.kernels.words.english import HOST, LOWER, WORD


@njit(cache=True, nogil=True)
def is_digit(byte):
    return 48 <= byte <= 57


@njit(cache=True, nogil=True)
def is_url(data, start, stop, table):
    i = start
    while i < stop and data[i] != 46:
        i += 1
    if i == stop:
        return False
    scheme = _after_scheme(data, start, stop, table)
    found = _host_from(data, start, stop, table) or (scheme > 0 and _host_from(data, scheme, stop, table))
    i = start + 1
    while i < stop and not found:
        found = data[i] == 64 and _host_from(data, i + 1, stop, table)  # behind a user's name
        i += 1
    return found


@njit(cache=True, nogil=True)
def _after_scheme(data, start, stop, table):
    """The byte after "scheme://", or 0."""
    i, characters = start, 0
    while i < stop:
        kind, after = class_at(data, i, stop, table)
        if not (kind & WORD or data[i] in (43, 45, 46)):
            break
        characters += 1
        i = after
    if characters >= 2 and i + 3 <= stop and data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47:
        return i + 3
    return 0


@njit(cache=True, nogil=True)
def _host_from(data, start, stop, table):
    """Is the rest a host or an address, with optional port and path?"""
    address = _after_address(data, start, stop)
    if address and _ends_host(data, address, stop):
        return True
    i, label, characters = start, start, 0
    labels, lower, hyphen = 0, True, False
    while i < stop:
        byte = data[i]
        if byte == 46:
            if characters < 1 or characters > 64 or hyphen:
                return False
            labels, characters, lower, hyphen, i = labels + 1, 0, True, False, i + 1
            label = i
            continue
        kind, after = class_at(data, i, stop, table)
        if not kind & (HOST | LOWER):
            break
        if not kind & HOST:
            characters += 1000  # lower-case letters beyond U+FFFF may end a host, not stand within
        hyphen = byte == 45 or byte == 95
        if hyphen and i == label:
            return False
        lower = lower and kind & LOWER != 0
        characters += 1
        i = after
    characters %= 1000
    return labels > 0 and lower and 2 <= characters <= 63 and _ends_host(data, i, stop)


@njit(cache=True, nogil=True)
def _ends_host(data, i, stop):
    """Is what follows the host nothing, or a port and a path?"""
    if i < stop and data[i] == 58:
        digits = 0
        while i + 1 + digits < stop and is_digit(data[i + 1 + digits]):
            digits += 1
        if not 2 <= digits <= 5:
            return False
        i += 1 + digits
    return i == stop or data[i] == 47 or data[i] == 63 or data[i] == 35


@njit(cache=True, nogil=True)
def _after_address(data, start, stop):
    """The byte after an IPv4 address that is neither private nor a network's first or last, or 0."""
    octets = np.zeros(4, np.int64)
    i = start
    for part in range(4):
        digits = 0
        while i < stop and digits < 4 and is_digit(data[i]):
            octets[part] = octets[part] * 10 + (data[i] - 48)
            digits += 1
            i += 1
        if digits < 1 or digits > 3 or octets[part] > 255:
            return 0
        if part in (0, 3) and data[i - digits] == 48:
            return 0
        if part < 3:
            if i >= stop or data[i] != 46:
                return 0
            i += 1
    a, b = octets[0], octets[1]
    private = a == 10 or a == 127 or (a == 169 and b == 254) or (a == 192 and b == 168) or (a == 172 and 16 <= b <= 31)
    return 0 if private or a > 223 or octets[3] > 254 else i
