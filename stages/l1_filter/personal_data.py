"""Replace what identifies or harms a person: addresses, numbers of phones, cards and accounts, access keys.

No-break and other spaces, dashes, full-width signs, digits of any script, hidden signs and HTML escapes (`&#64;`,
`&nbsp;`) hide nothing. Replacements are fixed, so the same text always gives the same result. They come from ranges
kept for documentation (RFC 2606, 5737, 3849) or fiction, or cannot occur. Neither counts nor errors hold
what was found.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.rows.batch import Batch
from pipeline.steps import Transform, Transformed

Replacement = str | None


class PersonalData(Transform):
    """Replace personal data in the text. A replacement of null leaves its kind alone, an empty one cuts it out.

    In doubt nothing is replaced: national phone numbers, numbers that fail their check digit, and names stay. National
    numbers look like others in every language, and a page's language does not tell its country, so there is no region.
    `changed` counts rows by kind.
    """

    libraries: ClassVar[tuple[str, ...]] = ("phonenumbers", "python-stdnum")

    kind: Literal["personal_data"] = "personal_data"
    email: Replacement = "email@example.com"
    """Addresses at example.com, .net and .org stay, and so do git@ and the places of files (user@host:path/x)."""
    ipv4: Replacement = "192.0.2.1"
    """Public addresses; private, loopback, documentation and multicast ranges stay, and so do four single digits and
    versions that are called so."""
    ipv6: Replacement = "2001:db8::1"
    """Global unicast addresses of three groups or more."""
    phone: Replacement = "+1 202 555 0100"
    """International form, from +, in a range that is given out (phonenumbers); an extension goes with it."""
    card: Replacement = "0000 0000 0000 0000"
    """13 to 19 digits with a known prefix, that prefix's length and the Luhn digit."""
    iban: Replacement = "XX00 0000 0000 0000 0000"
    """Of the country's form and with valid check digits (python-stdnum)."""
    key: Replacement = "REDACTED_KEY"
    """Access tokens with a known prefix (AKIA, ghp_, sk-, xoxb-, AIza, …) and private key blocks."""

    def transform(self, batch: Batch) -> Transformed:
        from pipeline.kernels.personal.personal_data import replace
        from pipeline.kernels.personal.personal_rules import KINDS

        texts, changed = replace(batch.text, [getattr(self, name) for name in KINDS])
        return Transformed(batch.with_text(texts) if changed else batch, changed)
