"""One form of host names and URLs, so that a list and a page that mean the same host agree.

| part | form |
|---|---|
| name | lower case, letters beyond ASCII as IDNA writes them (UTS 46, `xn--…`), escapes decoded, no final dot |
| IPv4 | four decimal numbers, whatever the notation (`0x7f.1` is 127.0.0.1) |
| IPv6 | the short form, in brackets |
| port, user | left out of a host; in a URL, the scheme's own port is left out |

These are the rules of the WHATWG URL standard, but that nothing is refused: what is no host stays what it is.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import unquote

URL = re.compile(r"(?:(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?[/\\]{2})?([^/?#\\]*)(.*)", re.DOTALL)
PORT = re.compile(r":([0-9]*)$")
NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
OWN_PORT = {"http": "80", "https": "443"}
LONGEST = 1000
"""Characters; a host has at most 253. Punycode takes quadratic time."""


def host_of(url: str) -> str:
    """The host of a URL, with or without its scheme, in canonical form; empty if there is none."""
    match = URL.match(url.strip())
    authority = match.group(2) if match else ""
    return canonical_host(PORT.sub("", authority.rpartition("@")[2]))


def canonical_host(host: str) -> str:
    """The one form of a host that stands alone, without user and port."""
    if len(host) > LONGEST:
        return host.lower()
    if "%" in host:
        host = unquote(host)
    host = (host if host.isascii() else _to_ascii(host)).strip(".").lower()
    if NUMBER.search(host):
        return _ipv4(host) or host
    return _ipv6(host) or host if host.startswith("[") else host


def canonical_url(url: str) -> str:
    """The URL with scheme and host in canonical form, `/` for no path, and the rest character by character."""
    url = url.strip()
    match = URL.match(url)
    if not match or not match.group(2):
        return url
    scheme, rest = (match.group(1) or "").lower(), match.group(3)
    user, at, place = match.group(2).rpartition("@")
    port = PORT.search(place)
    host = canonical_host(place[: port.start()] if port else place)
    kept = port.group() if port and port.group(1) not in ("", OWN_PORT.get(scheme)) else ""
    lead = f"{scheme}://" if scheme else "//" if match.start(2) else ""
    return f"{lead}{user}{at}{host}{kept}{'' if rest.startswith('/') else '/'}{rest}"


def address(text: str) -> str:
    """An IP address that stands alone, in canonical form; empty if the text is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return f"[{found}]" if found.version == 6 else str(found)


def _to_ascii(host: str) -> str:
    """Each label in ASCII. Labels that IDNA 2008 forbids (emoji, `_`) are written the same way, as browsers do."""
    import idna

    try:
        host = idna.uts46_remap(host, std3_rules=False, transitional=False)
    except idna.IDNAError:
        host = unicodedata.normalize("NFKC", host).lower()
    labels = host.split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def _ipv6(host: str) -> str:
    return address(host[1:-1]) if host.endswith("]") and ":" in host else ""


def _number(part: str) -> int:
    return int(part[2:] or "0", 16) if part.startswith("0x") else int(part, 8 if part.startswith("0") else 10)


def _ipv4(host: str) -> str:
    """One to four numbers, the last of which fills the bytes that are left; 0x is hexadecimal, 0 octal."""
    parts = host.split(".")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return ""
    *first, last = numbers
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return ""
    value = last + sum(number << (24 - 8 * place) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(value))
