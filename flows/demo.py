"""Build a small web to try the pipeline on: one WARC file, made of real text that is installed anyway.

The good pages are prose from the READMEs of the installed distributions and from docstrings of the standard library
and a few dependencies, so nothing is downloaded and the repository holds no one else's text. Around them come the
things a crawl is full of: exact and near copies, licences, boilerplate, spam, other languages, errors. The output is
the same on every run; it depends on the Python version and on what is installed.

| file            | holds                                                          |
|-----------------|----------------------------------------------------------------|
| demo.warc.gz    | warcinfo, then a request and a response for each page          |
| demo.truth.json | {"counts": {kind: pages}, "pages": {url: kind}}                |
"""

from __future__ import annotations

import argparse
import ast
import base64
import gzip
import hashlib
import html
import json
import random
import re
import sys
import sysconfig
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path

PAGES = 480
SEED = 7
SHARES = {
    "mirror": 0.06,
    "near_copy": 0.09,
    "licence": 0.05,
    "boilerplate": 0.05,
    "spam": 0.12,
    "short": 0.03,
    "other_language": 0.05,
    "empty": 0.02,
    "not_found": 0.02,
    "redirect": 0.01,
    "pdf": 0.01,
    "broken_encoding": 0.01,
    "too_deep": 0.002,
}
"""Of all pages; the rest are good ones. Every kind gets at least one page."""
EDU_HOSTS = ("learn.example.edu", "library.example.edu", "courses.example.edu")
OTHER_HOSTS = ("docs.example.org", "blog.example.com", "handbook.example", "wiki.example.net")
SPAM_HOSTS = ("best-deals.example", "cheap-shop.test", "win-big.example")
ARTICLE_WORDS = (170, 620)
PACKAGES = ("datasketch", "numpy", "pydantic", "rich", "trafilatura")
"""Dependencies whose docstrings are read besides the standard library's."""
SKIPPED_MODULES = {"antigravity", "idlelib", "lib2to3", "test", "this", "tkinter", "turtle", "turtledemo"}

GOODS = ("shoes", "watches", "phones", "sofas", "tyres", "vitamins", "handbags", "mattresses", "laptops", "sunglasses")
SPAM = (
    "Buy cheap {0} online today and save big on {0}.",
    "Best {0} best price best {0} deals, click here now!!!",
    "Our {0} are the number one {0} that everyone wants ...",
    "Free shipping on all {0}, order {0} now, limited offer!",
    "Looking for {0}? We have {0}, discount {0} and more {0}.",
    "Click here for {1}. Click here for {0}. Click here to win!!!",
)
BOILERPLATE = (
    "Home", "About us", "Contact", "Sign in", "Register", "Forgot your password?", "Terms of use", "Privacy policy",
    "Cookie settings", "Accept all", "Share", "Print this page", "Next", "Previous", "Sitemap", "Careers", "Imprint",
    "Read more ...", "Log in to leave a comment", "Enable javascript to view this page", "All rights reserved",
)  # fmt: skip
LANGUAGES = {
    "de": (
        "Der kleine Fluss fließt an der alten Mühle vorbei und mündet hinter dem Dorf in den See.",
        "Im Herbst sammeln die Kinder Kastanien und bringen sie ihren Großeltern mit nach Hause.",
        "Wer den Weg über den Berg nimmt, sieht am Abend die Lichter der Stadt unter sich liegen.",
        "Die Bibliothek öffnet jeden Morgen um neun Uhr und schließt erst spät am Abend.",
        "Nach dem langen Winter freuten sich alle über die ersten warmen Tage des Jahres.",
        "Das Museum zeigt Werkzeuge, mit denen die Menschen früher auf den Feldern gearbeitet haben.",
    ),
    "fr": (
        "La petite rivière passe devant le vieux moulin et rejoint le lac derrière le village.",
        "En automne, les enfants ramassent des châtaignes et les rapportent à leurs grands-parents.",
        "Celui qui prend le chemin de la montagne voit le soir les lumières de la ville à ses pieds.",
        "La bibliothèque ouvre chaque matin à neuf heures et ne ferme que tard dans la soirée.",
        "Après un long hiver, tout le monde se réjouissait des premiers jours chauds de l'année.",
        "Le musée montre les outils avec lesquels les gens travaillaient autrefois dans les champs.",
    ),
    "es": (
        "El pequeño río pasa junto al viejo molino y llega al lago que está detrás del pueblo.",
        "En otoño los niños recogen castañas y se las llevan a casa a sus abuelos.",
        "Quien toma el camino de la montaña ve por la noche las luces de la ciudad a sus pies.",
        "La biblioteca abre cada mañana a las nueve y no cierra hasta muy tarde.",
        "Después del largo invierno todos se alegraron con los primeros días cálidos del año.",
        "El museo enseña las herramientas con las que antes se trabajaba en los campos.",
    ),
}
LAYOUT = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="{charset}"><title>{title} | {host}</title>
<script>window.site = {{"host": "{host}"}};</script></head><body>
<header><nav><ul><li><a href="/">Home</a></li><li><a href="/topics">Topics</a></li><li><a href="/about">About</a></li>
<li><a href="/login">Sign in</a></li></ul></nav></header>
<div class="cookie-banner">We use cookies to make this site work. <button>Accept all</button></div>
<main><article><h1>{title}</h1>
{body}
</article></main>
<aside class="sidebar"><h2>Most read</h2><ul>{links}</ul></aside>
<footer><p>Copyright {host}. <a href="/terms">Terms of use</a> <a href="/privacy">Privacy policy</a></p></footer>
</body></html>"""


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    kind: str
    url: str
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    headers: str = ""


def build_demo_web(output: Path, pages: int = PAGES) -> Path:
    """Write the demo web into the folder `output`; the path of its WARC file."""
    output.mkdir(parents=True, exist_ok=True)
    made = list(make_pages(pages))
    path = output / "demo.warc.gz"
    path.write_bytes(b"".join(gzip.compress(record, mtime=0) for record in _records(made)))
    truth = {
        "counts": dict(sorted(Counter(page.kind for page in made).items())),
        "pages": {page.url: page.kind for page in made},
    }
    (output / "demo.truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return path


def make_pages(pages: int) -> Iterator[Page]:
    """All pages in the order of the crawl. Raises ValueError if there is not enough prose for so many."""
    choose = random.Random(SEED)
    counts = {kind: max(1, round(share * pages)) for kind, share in SHARES.items()}
    good = pages - sum(counts.values())
    articles = list(read_articles())
    if not 0 < good <= len(articles):
        raise ValueError(f"{pages} pages need {good} good ones, and there is prose for 1 to {len(articles)}")
    choose.shuffle(articles)
    originals = articles[:good]
    made: list[Page] = [_good(choose, number, article) for number, article in enumerate(originals)]
    for kind, count in counts.items():
        made += [MAKERS[kind](choose, number, originals) for number in range(count)]
    choose.shuffle(made)
    yield from made


@cache
def read_articles() -> tuple[Article, ...]:
    """Prose that is installed anyway, in pieces of a page each; no paragraph comes twice."""
    seen: set[str] = set()
    articles: list[Article] = []
    for title, text in (*_readmes(), *_docstrings()):
        fresh = [paragraph for paragraph in dict.fromkeys(_prose(text)) if paragraph not in seen]
        seen.update(fresh)
        articles += _split(title, fresh)
    return tuple(articles)


def _distributions() -> list[metadata.Distribution]:
    named = {found.metadata["Name"].lower(): found for found in metadata.distributions() if found.metadata["Name"]}
    return [named[name] for name in sorted(named)]


def _readmes() -> Iterator[tuple[str, str]]:
    for found in _distributions():
        yield f"Working with {found.metadata['Name']}", (found.read_text("METADATA") or "").partition("\n\n")[2]


def _docstrings() -> Iterator[tuple[str, str]]:
    """The docstrings of each module in turn, read without importing it."""
    library, packages = (Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib"))
    standard = [library / name for name in sorted(sys.stdlib_module_names - SKIPPED_MODULES)]
    for root in (*standard, *(packages / name for name in PACKAGES)):
        for path in [root.with_suffix(".py"), *sorted(root.rglob("*.py"))]:
            if path.is_file() and not {"test", "tests"} & set(path.parts):
                nodes = ast.walk(ast.parse(path.read_bytes()))
                documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
                found = (ast.get_docstring(node) for node in nodes if isinstance(node, documented))
                module = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
                yield f"Notes on {module}", "\n\n".join(filter(None, found))


NOT_PROSE = re.compile(r"\s{2,}|>>>|\$|\.\.|[-*+#|=~^`:<]|\d+[.)]|\[!")
MARKUP = (
    (re.compile(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])"), r"\1"),
    (re.compile(r":[a-z:]+:`~?([^`<]*?)(\s*<[^>]*>)?`"), r"\1"),
    (re.compile(r"[`*]+"), ""),
)


def _prose(text: str) -> Iterator[str]:
    """Paragraphs of plain sentences; code, lists, tables and headings are left out."""
    for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", text.replace("\r", ""), flags=re.DOTALL)):
        if any(NOT_PROSE.match(line) for line in block.split("\n")):
            continue
        paragraph = " ".join(block.split())
        for pattern, instead in MARKUP:
            paragraph = pattern.sub(instead, paragraph)
        letters = sum(letter.isalpha() or letter == " " for letter in paragraph)
        is_sentence = paragraph[:1].isupper() and paragraph.endswith((".", "!", "?"))
        if is_sentence and len(paragraph.split()) >= 20 and letters > 0.9 * len(paragraph):
            yield paragraph


def _split(title: str, paragraphs: Sequence[str]) -> Iterator[Article]:
    """Pages of ARTICLE_WORDS; what is left over at the end is too short for one."""
    minimum, maximum = ARTICLE_WORDS
    wanted = random.Random(title)
    part, pending, words, target = 1, list[str](), 0, wanted.randint(minimum, maximum)
    for number, paragraph in enumerate(paragraphs):
        pending.append(paragraph)
        words += len(paragraph.split())
        is_last = number == len(paragraphs) - 1
        if words >= target or (is_last and words >= minimum):
            yield Article(title if part == 1 else f"{title}, part {part}", tuple(pending))
            part, pending, words, target = part + 1, [], 0, wanted.randint(minimum, maximum)


def _host(choose: random.Random) -> str:
    return choose.choice(EDU_HOSTS if choose.random() < 0.5 else OTHER_HOSTS)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _render(host: str, title: str, body: str, lang: str = "en", charset: str = "utf-8") -> str:
    links = "".join(f'<li><a href="/{_slug(text)}">{text}</a></li>' for text in BOILERPLATE[:12])
    return LAYOUT.format(lang=lang, charset=charset, title=html.escape(title), host=host, body=body, links=links)


def _page(kind: str, host: str, title: str, paragraphs: Sequence[str], lang: str = "en") -> Page:
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    return Page(kind, f"https://{host}/{_slug(title)}", _render(host, title, body, lang).encode())


def _good(choose: random.Random, number: int, article: Article) -> Page:
    paragraphs = article.paragraphs
    if number % 9 == 0:  # something for the removal of personal data to find
        contact = f"Questions about this page go to editor{number}@example.org or to +1 202 555 01{number % 100:02d}."
        paragraphs = (*paragraphs, contact)
    return _page("good", _host(choose), article.title, paragraphs)


def _mirror(choose: random.Random, number: int, articles: list[Article]) -> Page:
    article = choose.choice(articles)
    return _page("mirror", f"mirror{number}.example", article.title, article.paragraphs)


def _near_copy(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """A few words changed, or a sentence put in front."""
    article = choose.choice(articles)
    paragraphs = list(article.paragraphs)
    if number % 2:
        paragraphs.insert(0, "This page was first published elsewhere and is shown here with small corrections by us.")
    else:
        words = paragraphs[-1].split()
        for _ in range(3):
            words[choose.randrange(len(words) - 1)] = "indeed"
        paragraphs[-1] = " ".join(words)
    return _page("near_copy", f"reprints{number}.example", article.title, paragraphs)


def _licence(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """Licences of installed distributions: near copies of each other, as they are on the web."""
    name, text = _licences()[number]
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    return _page("licence", "licences.example.net", f"Licence of {name}", [block for block in blocks if block])


@cache
def _licences() -> list[tuple[str, str]]:
    found = []
    for distribution in _distributions():
        for file in sorted(distribution.files or [], key=str):
            path = Path(str(distribution.locate_file(file)))
            if file.name.upper().startswith(("LICENSE", "LICENCE")) and path.is_file() and path.stat().st_size < 12_000:
                found.append((str(distribution.metadata["Name"]), path.read_text("utf-8", "replace")))
                break
    return found


def _boilerplate(choose: random.Random, number: int, articles: list[Article]) -> Page:
    return _page("boilerplate", f"portal{number}.example", "Welcome", choose.choices(BOILERPLATE, k=40))


def _spam(choose: random.Random, number: int, articles: list[Article]) -> Page:
    one, other = choose.sample(GOODS, 2)
    paragraphs = [
        " ".join(choose.choice(SPAM).format(one, other) for _ in range(choose.randint(3, 8)))
        for _ in range(choose.randint(4, 10))
    ]
    return _page("spam", choose.choice(SPAM_HOSTS), f"Cheap {one} {number}", paragraphs)


def _short(choose: random.Random, number: int, articles: list[Article]) -> Page:
    sentence = choose.choice(articles).paragraphs[0]
    return _page("short", "forum.example.com", f"Question {number}", [sentence, "Thanks!"])


def _other_language(choose: random.Random, number: int, articles: list[Article]) -> Page:
    lang = sorted(LANGUAGES)[number % len(LANGUAGES)]
    sentences = list(LANGUAGES[lang]) * 3
    choose.shuffle(sentences)
    paragraphs = [" ".join(sentences[start : start + 6]) for start in range(0, len(sentences), 6)]
    return _page("other_language", f"{lang}.example.org", f"{lang} {number}", paragraphs, lang)


def _empty(choose: random.Random, number: int, articles: list[Article]) -> Page:
    body = b"" if number % 2 else b"<!DOCTYPE html><html><head><title>Empty</title></head><body></body></html>"
    return Page("empty", f"https://parked.example/{number}", body)


def _not_found(choose: random.Random, number: int, articles: list[Article]) -> Page:
    page = _page("not_found", "docs.example.org", f"Page not found {number}", ["There is nothing here."])
    return replace(page, status="404 Not Found")


def _redirect(choose: random.Random, number: int, articles: list[Article]) -> Page:
    url = f"https://docs.example.org/old/{number}"
    headers = "Location: https://docs.example.org/\r\n"
    return Page("redirect", url, b"", status="301 Moved Permanently", headers=headers)


def _pdf(choose: random.Random, number: int, articles: list[Article]) -> Page:
    return Page("pdf", f"https://library.example.edu/{number}.pdf", b"%PDF-1.7\n%%EOF\n", "application/pdf")


def _broken_encoding(choose: random.Random, number: int, articles: list[Article]) -> Page:
    """Says UTF-8 and is Latin-1."""
    page = _page("broken_encoding", "old.example.net", f"Café {number}", LANGUAGES["fr"], "fr")
    return replace(page, body=page.body.decode().encode("latin-1"))


def _too_deep(choose: random.Random, number: int, articles: list[Article]) -> Page:
    body = "<div>" * 1000 + "deep" + "</div>" * 1000
    return Page("too_deep", f"https://trap.test/{number}", _render("trap.test", "Deep", body).encode())


MAKERS = {
    "mirror": _mirror, "near_copy": _near_copy, "licence": _licence, "boilerplate": _boilerplate, "spam": _spam,
    "short": _short, "other_language": _other_language, "empty": _empty, "not_found": _not_found,
    "redirect": _redirect, "pdf": _pdf, "broken_encoding": _broken_encoding, "too_deep": _too_deep,
}  # fmt: skip


def _records(pages: Sequence[Page]) -> Iterator[bytes]:
    """WARC 1.1 records: who made the file, then a request and a response for each page."""
    yield _record(
        "warcinfo", "", "application/warc-fields", b"software: orefine demo\r\nformat: WARC File Format 1.1\r\n"
    )
    for number, page in enumerate(pages):
        host, _, path = page.url.removeprefix("https://").partition("/")
        asked = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        body, headers = page.body, page.headers
        if number % 3 == 0:  # as on the web, some bodies come compressed
            body, headers = gzip.compress(body, mtime=0), headers + "Content-Encoding: gzip\r\n"
        answer = (
            f"HTTP/1.1 {page.status}\r\nContent-Type: {page.content_type}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        date = f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        yield _record("request", page.url, "application/http; msgtype=request", asked, date)
        yield _record("response", page.url, "application/http; msgtype=response", answer, date)


def _record(kind: str, url: str, content_type: str, block: bytes, date: str = "2026-01-01T00:00:00Z") -> bytes:
    digest = base64.b32encode(hashlib.sha1(block).digest()).decode()
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {url} {digest}")
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{name}>\r\nWARC-Date: {date}\r\n{target}"
        f"WARC-Block-Digest: sha1:{digest}\r\nContent-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description="Build a small web to try Orefine on.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--pages", type=int, default=PAGES)
    asked = parser.parse_args()
    path = build_demo_web(asked.output, asked.pages)
    counts = json.loads((asked.output / "demo.truth.json").read_text())["counts"]
    print(f"{path}: {path.stat().st_size:,} bytes, {sum(counts.values())} pages")
    for kind, count in counts.items():
        print(f"{count:6}  {kind}")


if __name__ == "__main__":
    main()
