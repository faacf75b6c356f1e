"""Folders of text files: each file is a row, a drop or a quarantine entry under its path from the folder on."""

import gzip
import os
import random
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import SourceBatch
from stages.l0_collect.readers import files, find, folder
from stages.l0_collect.readers.files import InputChanged
from stages.l0_collect.readers.text import TextSource

GERMAN = "Die Fähre fährt täglich über die Bucht, im Sommer auch mit Fahrrädern und kleinen Booten. " * 20
NAMES = st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2})?\.txt", fullmatch=True)


def write(root: Path, **contents: bytes | str) -> Path:
    """Files under their names, in which `__` stands for a slash and `_` for a dot."""
    for key, content in contents.items():
        path = root / key.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def read(*paths: Path | str, **parameters: object) -> list[SourceBatch]:
    source = TextSource(paths=tuple(map(str, paths)), **parameters)
    return [
        batch
        for path in source.inputs() or ()
        for unit in source.units(path, source.identify(path) or "")
        for batch in source.read(unit)
    ]


def rows(batches: list[SourceBatch]) -> dict[str, str]:
    return {row["source_id"]: row["text"] for batch in batches for row in batch.rows.to_pylist()}


def drops(batches: list[SourceBatch]) -> dict[str, str]:
    return {name: rule for batch in batches for name, _, rule in batch.dropped}


def test_a_folder_stands_for_its_text_files_and_those_below(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_txt="one\r\ntwo",
        deep__er__b_md="# three",
        c_TXT="four",
        d_pdf="%PDF",
        e_txt_gz=gzip.compress(b"five"),
    )
    (tmp_path / "_SUCCESS.txt").write_text("mark")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.txt").write_text("hidden")
    [batch] = read(tmp_path, source="notes")
    assert rows([batch]) == {"a.txt": "one\r\ntwo", "c.TXT": "four", "deep/er/b.md": "# three", "e.txt.gz": "five"}
    assert {row["source"] for row in batch.rows.to_pylist()} == {"notes"}


def test_the_name_begins_at_the_folder_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, docs__a__x_txt="one", docs__b__y_txt="two", docs__b__z_log="three")
    assert list(rows(read(tmp_path / "docs"))) == ["a/x.txt", "b/y.txt"]
    assert list(rows(read(tmp_path / "docs" / "*" / "*.txt"))) == ["a/x.txt", "b/y.txt"]
    assert list(rows(read(tmp_path / "docs" / "b" / "*"))) == ["y.txt", "z.log"]
    assert list(rows(read(tmp_path / "docs" / "b" / "z.log"))) == ["z.log"]
    monkeypatch.chdir(tmp_path)
    assert list(rows(read("docs/"))) == list(rows(read("./docs"))) == ["a/x.txt", "b/y.txt"]
    monkeypatch.chdir(tmp_path / "docs")
    assert list(rows(read("."))) == ["a/x.txt", "b/y.txt"]


def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "notes [old]", a_txt="one", b_pdf="no text", deep__c_txt="two")
    assert list(rows(read(tmp_path / "notes [old]"))) == ["a.txt", "deep/c.txt"]
    assert list(rows(read(tmp_path / "notes [old]" / "a.txt"))) == ["a.txt"]


def test_a_pipe_is_passed_by_and_a_link_to_nothing_is_missing_data(tmp_path: Path) -> None:
    write(tmp_path, a_txt="one")
    os.mkfifo(tmp_path / "b.txt")
    assert rows(read(tmp_path)) == {"a.txt": "one"}
    (tmp_path / "c.txt").symlink_to("annex")
    with pytest.raises(FileNotFoundError, match=r"c.txt' is a link to annex, which is not here; fetch it"):
        read(tmp_path)


def test_linked_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    write(tmp_path, docs__a_txt="one", elsewhere__b_txt="two")
    (tmp_path / "docs" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "docs" / "round").symlink_to(tmp_path / "docs")
    assert list(rows(read(tmp_path / "docs"))) == ["a.txt", "more/b.txt"]


def test_a_remote_folder_is_one_with_all_below(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/notes/a.txt": b"one", "/notes/deep/b.md": b"two", "/notes/c.pdf": b"no", "/notes/_log/d.txt": b"no"})
    remote = files.re.compile("^(memory)://")
    for module in (files, find, folder):
        monkeypatch.setattr(module, "REMOTE", remote)
    for module in (files, find):
        monkeypatch.setattr(module, "file_system", lambda _path: memory)
    monkeypatch.setattr(files, "remote_identity", lambda path: f"etag of {path}")
    assert rows(read("memory:///notes")) == {"a.txt": "one", "deep/b.md": "two"}
    assert rows(read("memory:///notes/deep/*")) == {"b.md": "two"}
    assert rows(read("memory:///notes/a.txt")) == {"a.txt": "one"}


def test_what_is_no_document_has_a_reason_and_costs_no_other(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(900)
    write(
        tmp_path, blank_txt=" \n\t\n", cut_txt_gz=gzip.compress(noise)[:500], empty_txt=b"", good_txt="words",
        large_txt="x" * 1001, binary_txt=b"\x7fELF\0\0\0\1", bomb_txt_gz=gzip.compress(b"x" * 1_000_000),
        zcut_txt_zst=pa.compress(noise, "zstd", asbytes=True)[:500],
    )  # fmt: skip
    batches = read(tmp_path, max_document_bytes=1000)
    assert rows(batches) == {"good.txt": "words"}
    assert drops(batches) == {
        "binary.txt": "not_text", "blank.txt": "empty", "bomb.txt.gz": "too_large", "empty.txt": "empty",
        "large.txt": "too_large",
    }  # fmt: skip
    quarantined = [entry for batch in batches for entry in batch.quarantined]
    assert [name for name, _, _ in quarantined] == ["cut.txt.gz", "zcut.txt.zst"]
    assert sum(batch.unread_bytes for batch in batches) == 1000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    assert rows(read(write(tmp_path, a_txt=GERMAN.encode(encoding)))) == {"a.txt": GERMAN}


def test_what_no_encoding_reads_is_dropped_with_its_share(tmp_path: Path) -> None:
    [batch] = read(write(tmp_path, a_txt=b"\xff\xfe" + b"\x00\xdc" * 50 + "words".encode("utf-16-le") * 10))
    [(_, _, reason)] = batch.dropped
    assert (reason, reason.value, reason.threshold) == ("undecodable", None, 0.001)
    assert rows(read(write(tmp_path, a_txt="what \ufffd stood there"))) == {"a.txt": "what \ufffd stood there"}


def test_files_are_gathered_into_units_by_count_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x" * (100 if number == 4 else 10))
    source = TextSource(paths=(str(tmp_path),))

    def spans() -> list[tuple[int, int | None]]:
        return [(unit.start, unit.stop) for unit in source.units(str(tmp_path), "")]

    assert spans() == [(0, 10)]
    monkeypatch.setattr(folder, "UNIT_FILES", 4)
    assert spans() == [(0, 4), (4, 8), (8, 10)]
    monkeypatch.setattr(folder, "UNIT_BYTES", 30)
    assert spans() == [(0, 3), (3, 4), (4, 5), (5, 8), (8, 10)]


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=5), min_size=1), st.integers(1, 4), st.integers(1, 12))
def test_every_file_has_one_fate_however_they_are_gathered(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str], count: int, size: int
) -> None:
    root = tmp_path_factory.mktemp("folder")
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "UNIT_FILES", count)
        patch.setattr(folder, "UNIT_BYTES", size)
        batches = read(root)
    assert sorted([*rows(batches), *drops(batches)]) == sorted(files)
    assert all(text == files[name] for name, text in rows(batches).items())


def test_identity_is_names_and_contents_and_not_the_place(tmp_path: Path) -> None:
    def identity(name: str, **files: str) -> str | None:
        return TextSource().identify(str(write(tmp_path / name, **files)))

    one = identity("one", a_txt="x", b_txt="y")
    assert identity("copy", b_txt="y", a_txt="x") == one
    assert len({one, identity("other", a_txt="y", b_txt="x"), identity("less", a_txt="x")}) == 3
    assert TextSource(paths=("a",)).identity() == TextSource().identity()


def test_a_folder_that_changes_is_seen(tmp_path: Path) -> None:
    write(tmp_path, a_txt="x", b_txt="y")
    source, path = TextSource(), str(tmp_path)
    sha256 = source.identify(path) or ""
    [unit] = source.units(path, sha256)
    write(tmp_path, b_txt="z")
    with pytest.raises(InputChanged, match=r"b\.txt changed since the run was planned"):
        list(source.read(unit))
    with pytest.raises(InputChanged, match="changed while the run was planned"):
        source.units(path, sha256)


def test_a_file_that_two_inputs_hold_is_refused_and_one_named_twice_is_one(tmp_path: Path) -> None:
    write(tmp_path, a_txt="x", deep__b_txt="y")
    source = TextSource(paths=(str(tmp_path), f"{tmp_path}/deep"))
    with pytest.raises(ValueError, match=r"input '.*deep' holds .*b\.txt, and so does '.*'; name one of them"):
        source.inputs()
    assert len(TextSource(paths=(str(tmp_path), f"{tmp_path}/")).inputs() or ()) == 1


def test_paths_without_text_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a_pdf="x")
    with pytest.raises(FileNotFoundError, match=r"input '.*' holds no \.txt or "):
        TextSource(paths=(str(tmp_path),)).inputs()
    with pytest.raises(FileNotFoundError, match=r"input '.*gone' matches no file; check the path"):
        TextSource(paths=(f"{tmp_path}/gone",)).inputs()
    with pytest.raises(ValueError, match=r"paths is empty; name folders"):
        TextSource().inputs()


def test_a_name_that_is_no_unicode_is_written_in_escapes(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.txt")).write_bytes(b"x")
    assert list(rows(read(tmp_path))) == ["caf\\xe9.txt"]
