"""What counts of a source file: code, not its looks; imports wherever they stand; nothing that cannot be followed."""

import os
from pathlib import Path

import pytest

from pipeline.books import syntax
from pipeline.books.syntax import Import, Remembered, parse

CODE = b"""
import json
LIMIT = 3

def drop(text):
    return len(text) > LIMIT
"""


@pytest.mark.parametrize(
    "same",
    [
        b'"""What."""\nimport json\nLIMIT = 3\n"""Most."""\ndef drop(text):\n  "Why."\n  return len(text) > LIMIT',
        b"# why\nimport json  # so\nLIMIT = (3)\n\n\ndef drop(\n text,\n):\n  pass\n  return len(text) > LIMIT\n",
        b"import json\nLIMIT = 3\nif TYPE_CHECKING:\n    import re\ndef drop(text): return len(text) > LIMIT",
    ],
    ids=["docstrings", "comments and layout", "for type checkers"],
)
def test_what_is_no_code_does_not_count(same: bytes):
    assert parse(same).digest == parse(CODE).digest
    assert parse(same).imports == (Import("json"),)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"3", b"4"), (b">", b">="), (b"LIMIT\n", b"-LIMIT\n"), (b"drop", b"keep"), (b"(text):", b"(text=''):")],
)
def test_code_counts(old: bytes, new: bytes):
    assert parse(CODE.replace(old, new)).digest != parse(CODE).digest


def test_what_stands_beside_type_checking_counts():
    one, two = (parse(b"if TYPE_CHECKING:\n    import re\nelse:\n    x = %d" % number) for number in (1, 2))
    assert one.digest != two.digest
    assert parse(b"if not TYPE_CHECKING:\n    import re").imports == (Import("re"),)
    assert parse(b"if typing.TYPE_CHECKING:\n    import re").imports == ()


def test_docstrings_count_where_the_module_looks_at_them():
    one, two = (parse(b'"""Prompt %d"""\nask = lambda: __doc__' % number) for number in (1, 2))
    assert one.digest != two.digest


def test_imports_count_wherever_they_stand():
    source = b"""
import a.b as c
def f():
    from . import d
    from ..e import g as h, i
    from importlib import import_module
    import_module("j.k")
    importlib.import_module("l")
    __import__("m")
"""
    imports = {*parse(source).imports}
    assert imports == {
        Import("a.b"),
        Import("", ("d",), 1),
        Import("e", ("g", "i"), 2),
        Import("importlib", ("import_module",)),
        Import("j.k"),
        Import("l"),
        Import("m"),
    }
    assert parse(source).refused == ()


@pytest.mark.parametrize(
    "line",
    [
        "import_module(name)",
        "importlib.import_module(f'{name}.x')",
        "import_module('.x', __package__)",
        "import_module('.x')",
        "__import__('a', fromlist=['b'])",
        "list(map(__import__, names))",
        "exec(text)",
        "eval('1')",
        "runpy.run_path(path)",
        "util.spec_from_file_location('x', path)",
        "from importlib import import_module as load",
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_line(line: str):
    assert [where for where, _ in parse(f"x = 1\n{line}\n".encode()).refused] == [2]


@pytest.mark.parametrize("line", ["Asked('-m', 'a.b')", "run([python, '-m', 'a.b', text])", "('-I', '-m', 'a.b')"])
def test_a_module_that_is_started_as_a_process_counts_as_imported(line: str):
    assert parse(line.encode()).imports == (Import("a.b"),)


@pytest.mark.parametrize("line", ["run(['-m', name])", "run(['a.b', '-m'])", "run(['-c', 'a.b'])"])
def test_what_is_no_start_of_a_module_names_none(line: str):
    assert parse(line.encode()).imports == ()


def test_methods_of_the_same_name_are_nobodys_business():
    assert parse(b"model.eval()\nconnection.exec('x')\nre.compile('x')").refused == ()


@pytest.mark.parametrize("line", ["open(__file__)", "from importlib import resources", "pkgutil.get_data('a', 'b')"])
def test_a_module_that_may_read_files_says_so(line: str):
    assert parse(line.encode()).reads_files
    assert not parse(CODE).reads_files


@pytest.fixture
def cached(tmp_path: Path, monkeypatch) -> Path:
    """A file of an hour ago, and a cache of its own."""
    monkeypatch.setattr(syntax, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(syntax, "RACY_NS", -1)
    path = tmp_path / "code.py"
    path.write_bytes(CODE)
    return path


def test_a_file_is_parsed_once(cached: Path, monkeypatch):
    first = Remembered()
    expected = first.syntax(cached)
    first.save()
    monkeypatch.setattr(syntax, "parse", lambda source: pytest.fail("parsed again"))
    assert Remembered().syntax(cached) == expected


def test_a_file_changed_under_the_same_size_and_time_is_parsed_again(cached: Path):
    remembered, status = Remembered(), cached.stat()
    before = remembered.syntax(cached)
    cached.write_bytes(CODE.replace(b"3", b"4"))
    os.utime(cached, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert remembered.syntax(cached).digest != before.digest


def test_a_file_just_written_is_not_remembered(cached: Path, monkeypatch):
    monkeypatch.setattr(syntax, "RACY_NS", 10**12)
    os.utime(cached, (0, 0))  # as an installer does
    first = Remembered()
    first.syntax(cached)
    first.save()
    assert list(cached.parent.glob("syntax-*")) == []


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"reader": 1}', '{"reader": [1], "files": 3}'])
def test_a_damaged_cache_is_no_cache(cached: Path, damaged: str):
    first = Remembered()
    first.syntax(cached)
    first.save()
    (file,) = cached.parent.glob("syntax-*")
    file.write_text(damaged)
    assert Remembered().syntax(cached) == parse(CODE)


def test_another_reader_forgets_what_this_one_found(cached: Path, monkeypatch):
    first = Remembered()
    first.syntax(cached)
    first.save()
    (file,) = cached.parent.glob("syntax-*")
    file.write_text(file.read_text().replace(parse(CODE).digest, "wrong"))
    assert Remembered().syntax(cached).digest == "wrong"
    other = cached.parent / "other_reader.py"
    other.write_text("")
    monkeypatch.setattr(syntax, "__file__", str(other))
    assert Remembered().syntax(cached) == parse(CODE)


def test_a_file_is_parsed_again_where_another_thread_has_disturbed_python_s_count(monkeypatch: pytest.MonkeyPatch):
    parsed, faults = syntax.ast.parse, [SystemError("AST constructor recursion depth mismatch")] * 2

    def disturbed(source: bytes):
        if faults:
            raise faults.pop()
        return parsed(source)

    expected = parse(b"a = 1")
    monkeypatch.setattr(syntax.ast, "parse", disturbed)
    assert parse(b"a = 1") == expected
