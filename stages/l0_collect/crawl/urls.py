"""One spelling for each URL, and which URLs a crawl takes at all."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from pipeline.hosts import canonical_host

MAXIMUM_URL = 2048
MAXIMUM_SEGMENTS = 20
MAXIMUM_PARAMETERS = 10
REPEATS = 3
"""A part of the path that comes so often is a relative link that a server answers at every depth."""
TRACKING = re.compile(r"^(?:utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|igshid|_ga)$", re.IGNORECASE)
SESSION = re.compile(r"^(?:phpsessid|jsessionid|sid|session_?id|aspsessionid\w*|cfid|cftoken)$", re.IGNORECASE)
SESSION_IN_PATH = re.compile(r";jsessionid=[^/?]*", re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}
NO_PAGES = (
    ".7z", ".avi", ".bmp", ".bz2", ".css", ".dmg", ".doc", ".docx", ".eot", ".epub", ".exe", ".gif", ".gz", ".ico",
    ".iso", ".jar", ".jpeg", ".jpg", ".js", ".json", ".m4a", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".msi", ".ogg",
    ".otf", ".pdf", ".png", ".ppt", ".pptx", ".rar", ".rpm", ".svg", ".tar", ".tgz", ".tif", ".tiff", ".ttf", ".wav",
    ".webm", ".webp", ".woff", ".woff2", ".xls", ".xlsx", ".xz", ".zip",
)  # fmt: skip
"""Endings of paths that hold no HTML; asking for them would cost their servers more than it brings."""


@lru_cache(maxsize=100_000)
def normalized(url: str, base: str = "") -> str | None:
    """The URL as it is fetched, counted and written down; None if it is none that can be crawled.

    Without fragment, credentials, session ids and tracking, its host in lower case and IDNA, its path without `.` and
    `..`. The order of the query stays: some servers care.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in DEFAULT_PORTS or not host:
        return None
    authority = canonical_host(f"[{host}]" if ":" in host else host)
    if port is not None and port != DEFAULT_PORTS[scheme]:
        authority += f":{port}"
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = [pair for pair in pairs if not TRACKING.match(pair[0]) and not SESSION.match(pair[0])]
        query = query if len(kept) == len(pairs) else urlencode(kept)
    path = SESSION_IN_PATH.sub("", parts.path) or "/"
    if "/." in path:
        path = urlsplit(urljoin(f"http://host{path}", path)).path or "/"
    found = urlunsplit((scheme, authority, _quoted(path), _quoted(query), ""))
    return found if len(found) <= MAXIMUM_URL else None


def _quoted(text: str) -> str:
    """Signs that may not stand in a URL as percent signs; what is one already stays."""
    from urllib.parse import quote

    return text if text.isascii() and " " not in text else quote(text, safe="/%:@!$&'()*+,;=~?-._")


def host_of(url: str) -> str:
    """Scheme and authority, by which robots.txt and politeness count."""
    return url[: url.index("/", url.index("://") + 3)]


def section_of(url: str) -> str:
    """Host and first part of the path, as a prefix: what a site keeps together."""
    start = len(host_of(url)) + 1
    end = url.find("/", start)
    return url[: end + 1] if end >= 0 and "?" not in url[start:end] else url[:start]


def is_page(url: str) -> bool:
    """Whether the path's ending does not say that it is something else."""
    return not urlsplit(url).path.lower().endswith(NO_PAGES)


def looks_endless(url: str) -> bool:
    """Whether the URL has the form of those that servers make without end: deep, repeating, with many parameters."""
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    if len(segments) > MAXIMUM_SEGMENTS or parts.query.count("&") >= MAXIMUM_PARAMETERS:
        return True
    return any(segments.count(segment) > REPEATS for segment in set(segments))


class Scope:
    """Which URLs belong to a crawl: those of the seeds' hosts, of these hosts and their subdomains, or below seeds."""

    def __init__(self, seeds: list[str], kind: str) -> None:
        self._kind = kind
        self._prefixes = tuple({seed if kind == "prefix" else f"{host_of(seed)}/" for seed in seeds})
        self._names = {name_of(seed) for seed in seeds}

    def holds(self, url: str) -> bool:
        if self._kind != "domain":
            return url.startswith(self._prefixes)
        name = name_of(url)
        return name in self._names or any(name.endswith(f".{known}") for known in self._names)


def name_of(url: str) -> str:
    """The host without scheme, port and `www.`: what belongs together, however it is asked for."""
    name = urlsplit(url).hostname or ""
    return name.removeprefix("www.")
