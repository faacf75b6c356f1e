"""What personal data looks like: one rule per kind, each over bytes from an anchor on.

An anchor is a byte that something sought must hold (@, +, a digit, I, _ or -). A rule looks at a bounded neighbourhood,
or only at bytes that no other anchor makes it look at again, so time is linear in the text whatever the text. ASCII
letters and digits bound what is found; other scripts may stand next to it. In doubt a rule finds nothing; what it
leaves is named.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.personal.classes import (
    ALNUM,
    CLASS,
    DIGIT,
    HEX,
    HOST,
    LETTER,
    LOCAL,
    NOTHING,
    TOKEN,
    UPPER,
    is_a,
    run_of,
    starts,
)
from pipeline.kernels.personal.folding import DASH
from pipeline.kernels.personal.key_rules import KEY, find_key

KINDS = ("email", "ipv4", "ipv6", "phone", "card", "iban", "key")
EMAIL, IPV4, IPV6, PHONE, CARD, IBAN = range(KEY)

IBAN_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21
LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22
RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""  # SWIFT's IBAN registry
LENGTH_OF = np.zeros((26, 26), np.int64)
for _entry in IBAN_LENGTHS.split():
    LENGTH_OF[ord(_entry[0]) - 65, ord(_entry[1]) - 65] = int(_entry[2:])


@njit(cache=True, nogil=True)
def find_at(data, first, i, last):
    """Kind, start and stop of what the anchor at `i` belongs to, or NOTHING."""
    byte = data[i]
    if byte == 64:
        return _email(data, first, i, last)
    if byte == 43:
        return _phone(data, first, i, last)
    if not CLASS[byte] & DIGIT:
        return find_key(data, first, i, last)
    if i > first and CLASS[data[i - 1]] & DIGIT:
        return NOTHING
    if i > first and CLASS[data[i - 1]] & LETTER:
        return _iban(data, first, i - 2, last)
    found = _ipv6(data, first, i, last)
    if found[0] < 0:
        found = _ipv4(data, first, i, last)
    if found[0] < 0:
        found = _card(data, first, i, last)
    return found


@njit(cache=True, nogil=True)
def _email(data, first, at, last):
    """A dotted local part of at most 64 bytes and a domain that ends in letters. Accented Latin letters are letters;
    those of scripts that may put no space before an address are not.

    What stays: addresses at example.com, .net and .org (RFC 2606), git@ and the place of a file on another machine
    (user@host:path/file), files (name@2x.png, lib@1.2.3.js) and versions (lib@1.0.0-beta.rc).
    """
    low = at
    while low > first and at - low <= 64:
        if CLASS[data[low - 1]] & LOCAL:
            low -= 1
        elif low - 2 >= first and _is_accented(data, low - 2):
            low -= 2
        else:
            break
    too_long = at - low > 64
    while low < at and not (CLASS[data[low]] & ALNUM or data[low] >= 128):
        low += 1
    if low == at or too_long or data[at - 1] == 46:
        return NOTHING
    if at + 3 < last and CLASS[data[at + 1]] & DIGIT and data[at + 2] == 120 and data[at + 3] == 46:
        return NOTHING
    point = run_of(data, at + 1, last, DIGIT)
    if point > at + 1 and starts(data, point, last, b".") and is_a(data, point + 1, last, DIGIT):
        point = run_of(data, point + 1, last, DIGIT)
        if not is_a(data, point, last, HOST):  # a version
            return NOTHING
    label, high, labels = at + 1, -1, 0
    while label - at < 254:
        i = _label_end(data, label, min(last, label + 64))
        if i == label or i - label > 63 or data[label] == 45 or data[i - 1] == 45:
            break
        labels += 1
        if labels > 1 and i - label > 1 and (run_of(data, label, i, LETTER) == i or starts(data, label, i, b"xn--")):
            high = i
        if i == last or data[i] != 46:
            break
        label = i + 1
    for name in (b"example.com", b"example.net", b"example.org"):
        if high - at > 11 and data[high - 12] in (46, 64) and starts(data, high - 11, high, name):
            return NOTHING
    if high < 0 or (at - low == 3 and starts(data, low, at, b"git")) or _is_file(data, at, high):
        return NOTHING
    return NOTHING if _goes_on_as_path(data, high, last) else (EMAIL, low, high)


@njit(cache=True, nogil=True)
def _is_accented(data, i):
    """Whether the two bytes at `i` are one of the Latin letters from U+00C0 to U+024F."""
    if not (0xC3 <= data[i] <= 0xC9 and 0x80 <= data[i + 1] <= 0xBF):
        return False
    is_sign = data[i] == 0xC3 and data[i + 1] in (0x97, 0xB7)  # of multiplication and division
    return not is_sign and (data[i] < 0xC9 or data[i + 1] <= 0x8F)


@njit(cache=True, nogil=True)
def _label_end(data, i, stop):
    """Where the part of a host's name that begins at `i` ends."""
    while i < stop:
        if CLASS[data[i]] & HOST:
            i += 1
        elif i + 1 < stop and _is_accented(data, i):
            i += 2
        else:
            break
    return i


@njit(cache=True, nogil=True)
def _is_file(data, at, high):
    """Does what looks like a domain end as files do? None of these is a top-level domain."""
    for name in (b".png", b".jpg", b".jpeg", b".gif", b".svg", b".webp", b".css", b".js", b".json", b".html", b".php"):
        if high - at > len(name) and starts(data, high - len(name), high, name):
            return True
    return False


@njit(cache=True, nogil=True)
def _goes_on_as_path(data, i, last):
    """:path/file or :~ behind the host, as scp and rsync write it. A port or a password is no path."""
    if not starts(data, i, last, b":") or i + 1 >= last:
        return False
    if data[i + 1] in (47, 126):
        return not starts(data, i + 1, last, b"//")
    stop = min(last, i + 100)
    i += 1
    word = i
    while i < stop and (CLASS[data[i]] & (LOCAL | TOKEN)):
        i += 1
    is_port = run_of(data, word, i, DIGIT) == i
    return i < stop and i > word and data[i] == 47 and not is_port


@njit(cache=True, nogil=True)
def _ipv4(data, first, start, last):
    """A public address. Parts of longer numbers and of file names stay, and so do four single digits.

    Those are mostly section numbers (8.6.8.6). A version of four longer parts looks like an address, so it stays only
    where a word says what it is: `version 12.34.56.78`, `Browser/99.0.88.77`.
    """
    if start > first and (data[start - 1] == 46 or CLASS[data[start - 1]] & TOKEN):
        return NOTHING
    i, a, b, c = start, 0, 0, 0
    for part in range(4):
        stop = run_of(data, i, min(last, i + 4), DIGIT)
        if stop == i or stop - i > 3 or (data[i] == 48 and stop - i > 1):
            return NOTHING
        octet = 0
        while i < stop:
            octet, i = octet * 10 + data[i] - 48, i + 1
        if octet > 255 or (part < 3 and (i >= last or data[i] != 46)):
            return NOTHING
        if part == 0:
            a = octet
        elif part == 1:
            b = octet
        elif part == 2:
            c = octet
        i += part < 3
    if i - start < 8 or is_a(data, i, last, ALNUM) or (i < last and data[i] == 95):
        return NOTHING
    goes_on = is_a(data, i + 1, last, ALNUM) and (data[i] == 46 or (data[i] == 45 and CLASS[data[i + 1]] & LETTER))
    if goes_on:
        return NOTHING
    # IANA's special-purpose registry, multicast and what lies above.
    reserved = a in (0, 10, 127) or a >= 224 or (a == 100 and 64 <= b < 128) or (a == 172 and 16 <= b < 32)
    reserved |= (a == 169 and b == 254) or (a == 192 and (b == 168 or (b == 0 and c in (0, 2))))
    reserved |= (a == 198 and (b in (18, 19) or (b == 51 and c == 100))) or (a == 203 and b == 0 and c == 113)
    return NOTHING if reserved or _is_version(data, first, start) else (IPV4, start, i)


@njit(cache=True, nogil=True)
def _is_version(data, first, start):
    """Does the word before say so? Blanks, a point or a colon may stand between."""
    if start - 1 > first and data[start - 1] == 47 and CLASS[data[start - 2]] & LETTER:
        return True
    stop = start
    while stop > first and start - stop < 2 and data[stop - 1] in (32, 46, 58):
        stop -= 1
    low = stop
    while low > first and stop - low < 9 and CLASS[data[low - 1]] & LETTER:
        low -= 1
    for name in (b"version", b"ver", b"v", b"release", b"build", b"firmware", b"revision", b"rev"):
        if stop - low == len(name):
            k = 0
            while k < len(name) and data[low + k] | 32 == name[k]:
                k += 1
            if k == len(name):
                return True
    return False


@njit(cache=True, nogil=True)
def _ipv6(data, first, start, last):
    """A global unicast address (2000::/3) of three groups or more; documentation and protocol ranges stay."""
    if data[start] not in (50, 51) or run_of(data, start, min(last, start + 5), HEX) != start + 4:
        return NOTHING
    if start + 4 >= last or data[start + 4] != 58 or (start > first and data[start - 1] in (46, 58, 95)):
        return NOTHING
    i, groups, gap, first_group, second = start, 0, False, 0, 0
    while True:
        stop = run_of(data, i, min(last, i + 5), HEX)
        if stop == i or stop - i > 4:
            return NOTHING
        value = 0
        while i < stop:
            byte = data[i] | 32
            value, i = value * 16 + (byte - 48 if CLASS[data[i]] & DIGIT else byte - 87), i + 1
        groups += 1
        if groups == 1:
            first_group = value
        elif groups == 2 and not gap:
            second = value
        double = starts(data, i, last, b"::")
        if groups == 8 or (double and gap) or i >= last or data[i] != 58 or not is_a(data, i + 1 + double, last, HEX):
            break
        gap |= double
        i += 1 + double
    if is_a(data, i, last, ALNUM):
        return NOTHING
    if i + 1 < last and data[i] == 58 and (data[i + 1] == 58 or CLASS[data[i + 1]] & ALNUM):
        return NOTHING
    if not (groups == 8 and not gap) and not (3 <= groups < 8 and gap):
        return NOTHING
    reserved = first_group == 0x2001 and (second < 0x200 or second == 0xDB8)
    reserved |= first_group == 0x3FFF and second < 0x1000
    return NOTHING if reserved else (IPV6, start, i)


@njit(cache=True, nogil=True)
def _phone(data, first, plus, last):
    """+, then 8 to 15 digits (E.164 allows 15) with at most three signs between them: a candidate.

    `validate.py` asks which of its groups are a telephone number. National forms without + stay, and so do decimal
    numbers.
    """
    if plus > first and (CLASS[data[plus - 1]] & TOKEN or data[plus - 1] in (43, 47, 61)):
        return NOTHING
    if not is_a(data, plus + 1, last, DIGIT) or data[plus + 1] == 48:
        return NOTHING
    i = high = plus + 1
    digits, gaps, dots = 0, 0, 0
    while i < last and i - high <= 3 and digits < 16:
        if CLASS[data[i]] & DIGIT:
            gaps += i > high
            dots += i == high + 1 and data[high] == 46
            digits += 1
            high = i + 1
        elif data[i] not in (32, 40, 41, 45, 46, 47, DASH):
            break
        i += 1
    if digits < 8 or digits > 15 or (gaps == 1 and dots == 1) or starts(data, high, last, b"@"):
        return NOTHING
    if is_a(data, high, last, TOKEN) and data[high] | 32 not in (101, 120):  # x or ext, of an extension
        return NOTHING
    return PHONE, plus, high


@njit(cache=True, nogil=True)
def _card(data, first, start, last):
    """A number with a card's prefix, length and check digit, in one piece or grouped as on cards (4-4-4-4, 4-6-5, …).

    Numbers in URLs and beside further numbers stay.
    """
    if start > first and (CLASS[data[start - 1]] & TOKEN or data[start - 1] in (35, 43, 46, 47, 61)):
        return NOTHING
    if start > first + 1 and data[start - 1] == 32 and CLASS[data[start - 2]] & DIGIT:
        return NOTHING
    i, digits, head, shape, group, sign = start, 0, np.int64(0), 0, 0, 0
    even, odd = np.int64(0), np.int64(0)  # sums with every second digit doubled, from the first on, from the second on
    while i < last and digits < 20:
        if CLASS[data[i]] & DIGIT:
            digit = np.int64(data[i]) - 48
            twice = 2 * digit - 9 * (digit > 4)
            even += digit if digits & 1 else twice
            odd += twice if digits & 1 else digit
            head = head * 10 + digit if digits < 4 else head
            digits += 1
            group += 1
        elif data[i] == sign or (sign == 0 and digits == 4 and data[i] in (32, 45, DASH)):
            if not is_a(data, i + 1, last, DIGIT):
                break
            sign, shape, group = data[i], shape * 10 + group, 0
        else:
            break
        i += 1
    if not 13 <= digits <= 19 or (even if digits % 2 == 0 else odd) % 10 or not _is_brand(head, digits):
        return NOTHING
    if sign != 0 and shape * 10 + group not in (4444, 465, 464, 44443):
        return NOTHING
    if is_a(data, i, last, TOKEN) or (i < last and data[i] in (46, 47) and is_a(data, i + 1, last, DIGIT)):
        return NOTHING
    return CARD, start, i


@njit(cache=True, nogil=True)
def _is_brand(head, digits):
    """Do the first four digits and the length belong together? From Visa to UnionPay, in order of appearance: Visa,
    Mastercard, JCB, American Express, Diners Club, Discover."""
    two, three = head // 100, head // 10
    if head // 1000 == 4:
        return digits in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= head <= 2720 or 3528 <= head <= 3589:
        return digits == 16
    if two in (34, 37):
        return digits == 15
    if two in (36, 38, 39) or 300 <= three <= 305:
        return digits == 14
    return digits >= 16 and (head == 6011 or 644 <= three <= 649 or two in (62, 65))


@njit(cache=True, nogil=True)
def _iban(data, first, start, last):
    """Upper case, in one piece or in groups of four, of the country's length and with the right check digits.

    A candidate: `validate.py` asks whether letters and digits stand where the country has them.
    """
    if start < first or not (is_a(data, start, last, UPPER) and is_a(data, start + 1, last, UPPER)):
        return NOTHING
    if start > first and CLASS[data[start - 1]] & TOKEN:
        return NOTHING
    length = LENGTH_OF[data[start] - 65, data[start + 1] - 65]
    i, count, rest, head = start, 0, np.int64(0), np.int64(0)
    while i < last and count < length:
        if data[i] == 32 and count and count % 4 == 0 and data[i - 1] != 32:
            i += 1
            continue
        if not CLASS[data[i]] & (UPPER | DIGIT):
            return NOTHING
        value = np.int64(data[i]) - (48 if CLASS[data[i]] & DIGIT else 55)
        if count < 4:  # the check looks at country and check digits last
            head = head * (10 if value < 10 else 100) + value
        else:
            rest = (rest * (10 if value < 10 else 100) + value) % 97
        i, count = i + 1, count + 1
    if length == 0 or count < length or is_a(data, i, last, TOKEN) or (rest * 1_000_000 + head) % 97 != 1:
        return NOTHING
    return IBAN, start, i
