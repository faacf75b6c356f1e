"""The articles of the demo web: text of packages that the lock pins and always installs, so the same for everyone.

Each article explains or lists, as a person would say who sees it. What a docstring says after its first line are
sentences that explain; first lines ("Return the …"), parameters and change logs are lists. Most packages give both
kinds, so it is not the subject that tells them apart. The standard library is left out, since its text depends on
Python's patch version; so are packages whose builds differ (torch), and this project's own documents, which change with
every commit.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

Kind = Literal["explains", "lists"]


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """What stands on one page."""

    title: str
    """Says the subject and not the kind, which the classifier could otherwise read off."""
    kind: Kind
    form: Literal["prose", "reference", "changes"]
    package: str
    sections: tuple[Section, ...]

    @property
    def paragraphs(self) -> tuple[str, ...]:
        return tuple(entry for section in self.sections for entry in section.entries)


MODULES = ("networkx/algorithms", "pandas/core", "scipy", "matplotlib", "nltk", "numpy/lib", "sympy/physics")
"""Whose docstrings are read: subjects that a reader without the package can follow."""
CHANGE_LOGS = ("fonttools", "yarl", "pydantic", "supervisor")
"""Whose description on the package index holds the change log."""
LICENCES = (
    "alembic", "anyio", "attrs", "babel", "cachetools", "certifi", "charset-normalizer", "click", "cloudpickle",
    "colorlog", "dill", "docker", "einops", "fastapi", "fsspec", "h11", "h2", "httptools", "httpx",
    "humanize", "idna", "iniconfig", "Jinja2", "joblib", "jsonschema", "loguru", "Mako", "Markdown", "markdown-it-py",
    "MarkupSafe", "mdurl", "msgpack", "mypy", "networkx", "pluggy", "pydantic", "Pygments", "PyJWT", "pytest",
    "python-dotenv", "PyYAML", "referencing", "requests", "rich", "six", "sniffio", "starlette", "typer", "urllib3",
)  # fmt: skip
LICENCE_BYTES = 12_000
ARTICLE_WORDS, NOTE_WORDS, NOTES = (170, 620), (80, 130), 0.2
"""Words of most articles, and of the share NOTES that is short enough for a small model to rewrite whole."""


@cache
def read_articles() -> tuple[Article, ...]:
    """All articles there are; no paragraph comes twice."""
    seen: set[str] = set()
    found: list[Article] = []
    for module in MODULES:
        for name, documented in _docstrings(module):
            prose = [Section("", tuple(_prose(text.partition("\n\n")[2]))) for _, text in documented]
            lists = [Section(heading, tuple(_reference(text))) for heading, text in documented]
            package = module.partition("/")[0]
            found += _split(Article(name, "explains", "prose", package, _fresh(prose, seen)))
            found += _split(Article(name, "lists", "reference", package, _fresh(lists, seen)))
    for package in CHANGE_LOGS:
        text = metadata.distribution(package).read_text("METADATA") or ""
        changes = _fresh(list(_changes(text)), seen)
        found += _split(Article(package, "lists", "changes", package, changes))
    return tuple(found)


@cache
def read_licences() -> tuple[tuple[str, str], ...]:
    """(package, licence): near copies of each other, as they are on the web."""
    found = []
    for name in LICENCES:
        distribution = metadata.distribution(name)
        for file in sorted(distribution.files or [], key=str):
            path = Path(str(distribution.locate_file(file)))
            is_licence = file.name.upper().startswith(("LICENSE", "LICENCE")) and path.is_file()
            if is_licence and path.stat().st_size < LICENCE_BYTES:
                found.append((name, path.read_text("utf-8", "replace")))
                break
    return tuple(found)


def _docstrings(module: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(name, [(what is documented, docstring)]) of each file of a package, read without importing it."""
    packages = Path(sysconfig.get_paths()["purelib"])
    for path in sorted((packages / module).rglob("*.py")):
        if not {"test", "tests", "testing"} & set(path.parts):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # escapes that newer Pythons complain about
                nodes = list(ast.walk(ast.parse(path.read_bytes())))
            name = ".".join(path.relative_to(packages).with_suffix("").parts).removesuffix(".__init__")
            documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            named = ((getattr(node, "name", name), node) for node in nodes if isinstance(node, documented))
            texts = ((what, ast.get_docstring(node)) for what, node in named)
            yield name, [(what, text) for what, text in texts if text]


def _fresh(sections: Sequence[Section], seen: set[str]) -> tuple[Section, ...]:
    """The sections without what was seen before or is mostly signs; remembers the rest."""
    kept = []
    for section in sections:
        entries = tuple(one for one in dict.fromkeys(section.entries) if one not in seen and _is_words(one))
        seen.update(entries)
        if entries:
            kept.append(Section(section.heading, entries))
    return tuple(kept)


def _is_words(text: str) -> bool:
    return sum(letter.isalpha() or letter == " " for letter in text) > LETTERS * len(text)


MARKUP = (
    (re.compile(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])"), r"\1"),
    (re.compile(r":[a-z:]+:`~?([^`<]*?)(\s*<[^>]*>)?`"), r"\1"),
    (re.compile(r"`([^`<]*?)\s*<[^>]*>`_*"), r"\1"),
    (re.compile(r"[`*]+"), ""),
)
NOT_PROSE = re.compile(r"\s{2,}|>>>|\$|\.\.|[-*+#|=~^`:<]|\d+[.)]|\[")
PARAMETER = re.compile(r"^(\*{0,2}[A-Za-z_][\w, *]{0,60}) : \S.{0,200}\n((?: {4}.+\n?)+)", re.MULTILINE)
PARAGRAPH_WORDS = 25
"""From here on a paragraph explains, up to here an entry of a list lists: what takes longer to say explains, too."""
LETTERS = 0.93
"""Of a paragraph or entry, at least, spaces included: otherwise L1 would find nearly all of what lists."""
VERSION = re.compile(r"^(?:#+ *)?(v?\d+\.\d+(?:\.\d+)*)(?: .*)?$")
CHANGE = re.compile(r"^[-*] +(\S.*)$")
CREDITS = re.compile(r"\s*(?:\(?#\d+[,#\d ]*\)|(?:--|[Bb]y) @.*|Patch by .*)")


def _plain(text: str) -> str:
    """On one line, without markup."""
    text = " ".join(text.split())
    for pattern, instead in MARKUP:
        text = pattern.sub(instead, text)
    return text


def _prose(text: str) -> Iterator[str]:
    """Paragraphs of plain sentences; code, lists, tables and headings are left out."""
    for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", text.replace("\r", ""), flags=re.DOTALL)):
        if any(NOT_PROSE.match(line) for line in block.split("\n")):
            continue
        paragraph = _plain(block)
        is_sentence = paragraph[:1].isupper() and paragraph.endswith((".", "!", "?"))
        if is_sentence and len(paragraph.split()) >= PARAGRAPH_WORDS:
            yield paragraph


def _reference(text: str) -> Iterator[str]:
    """What a reference lists: the first line of a docstring, and `name: What it means.` of its parameters."""
    summary = _plain(text.partition("\n\n")[0])
    if summary.endswith(".") and len(summary.split()) < PARAGRAPH_WORDS:
        yield summary
    for name, meaning in PARAMETER.findall(text + "\n"):
        if len(meaning.split()) < PARAGRAPH_WORDS:
            yield _plain(f"{name}: {meaning}")


def _changes(text: str) -> Iterator[Section]:
    """The entries of a change log under their versions."""
    version, entries, is_open = "", list[str](), False
    for line in text.replace("\r", "").split("\n"):
        if heading := VERSION.match(line):
            yield _version(version, entries)
            version, entries, is_open = heading[1], [], False
        elif version and (change := CHANGE.match(line)):
            entries.append(change[1])
            is_open = True
        elif is_open and line.startswith("  ") and not line.startswith("  *Related"):
            entries[-1] += f" {line.strip()}"
        else:
            is_open = False
    yield _version(version, entries)


def _version(version: str, entries: Sequence[str]) -> Section:
    plain = (CREDITS.sub("", _plain(entry)) for entry in entries)
    return Section(version, tuple(entry for entry in plain if len(entry.split()) < PARAGRAPH_WORDS))


def _split(article: Article) -> Iterator[Article]:
    """Articles of a page each; what is left over at the end is too short for one."""
    chance = random.Random(f"{article.form} {article.title}")

    def wanted() -> int:
        return chance.randint(*(NOTE_WORDS if chance.random() < NOTES else ARTICLE_WORDS))

    part, pending, words, target = 1, list[Section](), 0, wanted()
    flat = [(section.heading, entry) for section in article.sections for entry in section.entries]
    for number, (heading, entry) in enumerate(flat):
        if pending and pending[-1].heading == heading:
            pending[-1] = Section(heading, (*pending[-1].entries, entry))
        else:
            pending.append(Section(heading, (entry,)))
        words += len(entry.split())
        is_last = number == len(flat) - 1
        if words >= target or (is_last and words >= ARTICLE_WORDS[0]):
            title = article.title if part == 1 else f"{article.title}, part {part}"
            yield replace(article, title=title, sections=tuple(pending))
            part, pending, words, target = part + 1, [], 0, wanted()
