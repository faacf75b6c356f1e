"""Which candidates are what they look like: telephone numbers by phonenumbers, account numbers by python-stdnum."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.kernels.personal.folding import DASH

GROUP = re.compile(rb"[0-9]+")
EXTENSION = re.compile(rb"[ ,;]{0,2}(?:x|ext\.?|extension|#)[ .]?[0-9]{1,6}(?![\w-])", re.IGNORECASE)
EXTENSION_WITHIN = 24
LEAST_DIGITS = 8
TRIES = 4
"""Ends of a candidate that are tried, the last first: a number that was not met before takes 50 us."""


def phone_stop(text: bytes, stop: int) -> int:
    """How long the telephone number is that begins the text, its extension included; 0 if there is none.

    The candidate ends at `stop`; EXTENSION_WITHIN bytes behind it decide the rest.
    """
    extension = EXTENSION.match(text, stop)
    if extension is None and text[stop : stop + 1].isalpha():
        return 0
    size = phone_size(text[:stop])
    return extension.end() if extension and size == stop else size


@lru_cache(maxsize=4096)
def phone_size(candidate: bytes) -> int:
    """How many bytes of this are a telephone number, 0 if none are.

    The longest run of its groups that is a number counts: behind it may stand another, such as that of a house.
    """
    for group in [*GROUP.finditer(candidate)][: -TRIES - 1 : -1]:
        number = candidate[: group.end()].replace(bytes([DASH]), b"-").decode("ascii")
        if is_phone(number):
            return group.end()
    return 0


def is_phone(number: str) -> bool:
    """In a range that some country has given out. An international form, with +; after +1 exactly ten digits."""
    import phonenumbers

    digits = sum(sign.isdigit() for sign in number)
    if digits < LEAST_DIGITS or (number.startswith("+1") and digits != 11):
        return False  # the library would take a second 1 after +1 for a prefix and leave it out
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return False


def is_iban(number: str) -> bool:
    """Of its country's form, with the right check digits."""
    from stdnum import iban

    return bool(iban.is_valid(number, check_country=False))
