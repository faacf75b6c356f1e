"""What personal data looks like: one rule per kind, each over bytes from an anchor on.

An anchor is a byte that something sought must hold (@, +, a digit, I, _ or -). A rule looks at a bounded neighbourhood,
or only at bytes that no other anchor makes it look at again, so time is linear in the text whatever the text. ASCII
letters and digits bound what is found; other scripts may stand next to it. In doubt a rule finds nothing; what it
leaves is named.
"""

from __future__ import annotations

import string

import numpy as np
from numba import njit

KINDS = ("email", "ipv4", "ipv6", "phone", "card", "iban", "key")
EMAIL, IPV4, IPV6, PHONE, CARD, IBAN, KEY = range(7)
NOTHING = (-1, -1, -1)

DIGIT, LETTER, UPPER, HEX, LOCAL, HOST, TOKEN, ANCHOR = (1 << bit for bit in range(8))
ALNUM = DIGIT | LETTER
_LETTERS_DIGITS = string.ascii_letters + string.digits
_SETS = {
    DIGIT: string.digits,
    LETTER: string.ascii_letters,
    UPPER: string.ascii_uppercase,
    HEX: string.hexdigits,
    LOCAL: _LETTERS_DIGITS + "._%+-",
    HOST: _LETTERS_DIGITS + "-",
    TOKEN: _LETTERS_DIGITS + "_-",
    ANCHOR: string.digits + "@+I_-",
}
CLASS = np.array([sum(bit for bit, chars in _SETS.items() if chr(byte) in chars) for byte in range(256)], np.uint8)

TOKENS = (  # prefix, bytes of its body, least and most of them; as the issuers' documentation and secret scanners say
    ("AKIA", UPPER | DIGIT, 16, 16),  # AWS
    ("ASIA", UPPER | DIGIT, 16, 16),
    ("AIza", TOKEN, 35, 35),  # Google
    *((f"gh{letter}_", ALNUM, 36, 36) for letter in "pousr"),  # GitHub
    ("github_pat_", TOKEN, 82, 82),
    ("glpat-", TOKEN, 20, 20),  # GitLab
    ("hf_", LETTER, 34, 34),  # Hugging Face
    ("sk-", TOKEN, 32, 256),  # OpenAI, Anthropic and others
    ("sk_live_", ALNUM, 24, 256),  # Stripe
    ("rk_live_", ALNUM, 24, 256),
    *((f"xox{letter}-", TOKEN, 24, 256) for letter in "abeprs"),  # Slack
)
PREFIX = np.array([list(prefix.encode().ljust(12, b"\0")) for prefix, _, _, _ in TOKENS], np.uint8)
PREFIX_ANCHOR = np.array([min(prefix.find(c) % 99 for c in "I_-") for prefix, _, _, _ in TOKENS])
PREFIX_SIZE = np.array([len(prefix) for prefix, _, _, _ in TOKENS])
BODY, LEAST, MOST = (np.array([token[column] for token in TOKENS]) for column in (1, 2, 3))

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
        return _key(data, first, i, last)
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
    """A dotted local part of at most 64 bytes and a domain that ends in letters.

    Addresses at example.com, .net and .org stay (RFC 2606), and so does name@2x.png, which is an image.
    """
    low = at
    while low > first and at - low <= 64 and CLASS[data[low - 1]] & LOCAL:
        low -= 1
    too_long = at - low > 64
    while low < at and not CLASS[data[low]] & ALNUM:
        low += 1
    if low == at or too_long or data[at - 1] == 46:
        return NOTHING
    if at + 3 < last and CLASS[data[at + 1]] & DIGIT and data[at + 2] == 120 and data[at + 3] == 46:
        return NOTHING
    label, high, labels = at + 1, -1, 0
    while label - at < 254:
        i = run_of(data, label, min(last, label + 64), HOST)
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
    return (EMAIL, low, high) if high > 0 else NOTHING


@njit(cache=True, nogil=True)
def _ipv4(data, first, start, last):
    """A public address. Parts of longer numbers and of file names stay, and so do four single digits.

    Those are mostly section numbers (8.6.8.6). A version of four longer parts looks like an address.
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
    return NOTHING if reserved else (IPV4, start, i)


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
    """+, then 9 to 15 digits (E.164 allows 15) with at most two signs between them; +1 takes 10 more, as in NANP.

    National forms without + stay, and so do decimal numbers.
    """
    if plus > first and (CLASS[data[plus - 1]] & TOKEN or data[plus - 1] in (43, 47, 61)):
        return NOTHING
    if not is_a(data, plus + 1, last, DIGIT) or data[plus + 1] == 48:
        return NOTHING
    i = high = plus + 1
    digits, gaps, dots = 0, 0, 0
    while i < last and i - high <= 2 and digits < 16:
        if CLASS[data[i]] & DIGIT:
            gaps += i > high
            dots += i == high + 1 and data[high] == 46
            digits += 1
            high = i + 1
        elif data[i] not in (32, 40, 41, 45, 46):
            break
        i += 1
    if digits < 9 or digits > 15 or is_a(data, high, last, TOKEN) or (gaps == 1 and dots == 1):
        return NOTHING
    if data[plus + 1] == 49 and digits != 11:
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
        elif data[i] == sign or (sign == 0 and digits == 4 and data[i] in (32, 45)):
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
    """Upper case, in one piece or in groups of four, of the country's length and with the right check digits."""
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


@njit(cache=True, nogil=True)
def _key(data, first, i, last):
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
        if least < most and not _is_mixed(data, body, stop):  # such as the name of a CSS class
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
def _is_mixed(data, start, stop):
    """Are there digits and letters?"""
    some = 0
    for i in range(start, stop):
        some |= CLASS[data[i]]
    return some & DIGIT != 0 and some & LETTER != 0


@njit(cache=True, nogil=True)
def is_a(data, i, last, flags):
    return i < last and CLASS[data[i]] & flags != 0


@njit(cache=True, nogil=True)
def run_of(data, i, last, flags):
    """The first byte from `i` on that is of another class."""
    while i < last and CLASS[data[i]] & flags:
        i += 1
    return i


@njit(cache=True, nogil=True)
def next_of(data, i, last, flags):
    """The first byte from `i` on that is of the class."""
    while i < last and not CLASS[data[i]] & flags:
        i += 1
    return i


@njit(cache=True, nogil=True)
def starts(data, i, last, literal):
    k, size = 0, len(literal)
    while k < size <= last - i and data[i + k] == literal[k]:
        k += 1
    return k == size
