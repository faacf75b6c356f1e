"""Lists of `url_filter`: text files of one entry a line, in the forms in which such lists are published.

A `domains` list may be plain, a hosts file (`0.0.0.0 ads.example`; its own names such as localhost block nothing), or
adblock rules for whole hosts (`||ads.example^`). Schemes, ports, a final dot or slash and a leading `*.` are left out:
an entry means the host on every port and all hosts below it. Comments begin with `#`, in domain lists also with `!`.

What could never match, or would block other than it says, is refused with file and line: paths, spaces and addresses of
mail among hosts, adblock exceptions and rules for parts of pages, words of which no ASCII letter or digit is left.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from pipeline.hosts import NUMBER, URL, address, canonical_url, host_of

LISTS = ("domains", "urls", "banned_words", "soft_banned_words", "banned_subwords")
NOT_A_WORD = re.compile("[^a-zA-Z0-9]+")
NO_UTF8 = re.compile("[\\udc80-\\udcff]")  # as which `surrogateescape` shows other bytes
SIMPLE = re.compile(r"(?=.{1,253}$)(?!xn--)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.[a-z][a-z0-9-]{0,62}")
ADBLOCK = re.compile(r"\|\|(?P<host>[^$^]*)\^?\|?(?:\$(?P<options>.*))?")
LABELS = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
MOST_BYTES = 256 << 20
"""Of a file: some twelve million hosts, and a hundred bytes of memory a host in every worker."""
SHOWN = 5
"""Refused lines that the error names."""
OWN_NAMES = frozenset(
    ["localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"]
    + [
        f"ip6-{name}"
        for name in ("localhost", "loopback", "localnet", "mcastprefix", "allnodes", "allrouters", "allhosts")
    ]
)
"""What a hosts file says of its own machine."""
WHOLE_PAGE = frozenset(["third-party", "3p", "all", "document", "doc", "popup", "important"])
"""Options of adblock rules under which a rule still means the whole host."""


class Refused(ValueError):
    """Why an entry could never match."""


@lru_cache(maxsize=16)
def read_list(path: Path, name: str, _changed: int) -> frozenset[str]:
    """The entries of a list file, in the form in which URLs are compared with them."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(
            f"url_filter: `{name}` names {path}, which has {size:,} bytes; a list has at most {MOST_BYTES:,}: split it "
            "over two steps"
        )
    found: set[str] = set()
    problems: list[str] = []
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            try:
                found.update(entries_of(line.strip(), name))
            except Refused as problem:
                problems.append(f"line {number}: {_shown(line.strip())} {problem}")
    if problems:
        more = f"; and {len(problems) - SHOWN:,} more lines" if len(problems) > SHOWN else ""
        raise ValueError(f"url_filter: `{name}` {path}, {'; '.join(problems[:SHOWN])}{more}")
    if not found:
        raise ValueError(f"url_filter: `{name}` {path} has no entry and would drop nothing; fill it or leave it out")
    return frozenset(found)


def entries_of(line: str, name: str) -> list[str]:
    """What one line lists: nothing for a comment, several hosts for some lines of hosts files."""
    if not line or line.startswith("#"):
        return []
    if name == "domains" and SIMPLE.fullmatch(line):
        return [line]
    if "\0" in line or (not line.isprintable() and any("\udc80" <= sign <= "\udcff" for sign in line)):
        raise Refused("is no UTF-8 text; save the list as UTF-8")
    if name == "domains":
        return _domains(line)
    return [_url(line)] if name == "urls" else [_word(line, name)]


def _domains(line: str) -> list[str]:
    if line.startswith("!") or line.lower().startswith("[adblock"):
        return []
    entry, *names = re.split(r"\s#", line)[0].split()
    if names and address(entry):
        return [host for name in names if (host := _host(name)) not in OWN_NAMES]
    if names:
        raise Refused("has a space inside; write one host a line")
    if entry.startswith("@@"):
        raise Refused("is an exception, and this list only blocks; take it out")
    if rule := ADBLOCK.fullmatch(entry):
        if not WHOLE_PAGE.issuperset((rule["options"] or "all").split(",")):
            raise Refused("is an adblock rule for parts of pages; list whole hosts: ||ads.example^")
        entry = rule["host"]
    return [_host(entry)]


def _host(entry: str) -> str:
    if alone := address(entry):
        return alone
    entry = entry.removeprefix("*.")
    match = URL.match(entry)
    if match and match.group(3) not in ("", "/"):
        raise Refused("names a path, and a domain list holds hosts; move it to a list of `urls`")
    if "@" in entry:
        raise Refused("holds an @; a domain list holds hosts")
    host = host_of(entry)
    if not host:
        raise Refused("names no host; write it like ads.example")
    is_name = LABELS.fullmatch(host) and len(host) <= 253 and not NUMBER.search(host)
    if not is_name and not address(host.strip("[]")):
        raise Refused("is no host name; write it like ads.example")
    return host


def _url(line: str) -> str:
    if len(line.split()) > 1:
        raise Refused("has a space inside; write one URL a line")
    if not host_of(line):
        raise Refused("names no host; write URLs like https://ads.example/page")
    return canonical_url(line)


def _word(line: str, name: str) -> str:
    if not line.isascii() and name != "banned_subwords":
        raise Refused(
            "has letters beyond ASCII, where words of URLs end; list its ASCII part, or the host in `domains`"
        )
    word = NOT_A_WORD.sub("", line).lower()
    if not word:
        raise Refused("has neither ASCII letters nor digits, and words are made of them; take it out")
    return word


def _shown(line: str) -> str:
    return repr(line if len(line) <= 80 else f"{line[:77]}…")
