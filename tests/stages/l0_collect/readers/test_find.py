"""Paths, patterns and folders to files."""

import os
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers import files, find
from stages.l0_collect.readers.files import open_input
from stages.l0_collect.readers.find import expand, kind_for


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")


def names(folder: Path, *paths: str, kind: str = "") -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in expand([f"{folder}/{path}" for path in paths], kind)]


def test_files_patterns_and_folders_are_taken_once_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, "b.jsonl", "a.jsonl", "c.parquet", "[odd].jsonl", "deep/d.jsonl", "with space\nand line.jsonl")
    odd = ["[odd].jsonl", "a.jsonl", "b.jsonl"]
    assert names(tmp_path, "?.jsonl", "[[]*", "a.jsonl") == odd
    assert names(tmp_path, "[odd].jsonl") == ["[odd].jsonl"]
    assert names(tmp_path, "**/*.jsonl") == [*odd, "deep/d.jsonl", "with space\nand line.jsonl"]
    assert names(tmp_path, ".") == [*odd, "c.parquet", "with space\nand line.jsonl"]


def test_one_file_under_several_spellings_is_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.jsonl", "in/c.jsonl")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")  # another name is another input
    (tmp_path / "link").symlink_to("in")
    assert expand(["./a.jsonl", "a.jsonl", str(tmp_path / "a.jsonl"), "*.jsonl"]) == ["./a.jsonl", "b.jsonl"]
    assert expand(["in", "in/", "link", "link/../in/c.jsonl"]) == ["in/c.jsonl"]


@pytest.mark.parametrize("path", ["none.parquet", "*.none", "."])
def test_a_path_that_matches_nothing_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)input '.*' matches no file.*; check the path"):
        expand([f"{tmp_path}/{path}"])


@pytest.mark.parametrize("path", ["", " ", "\t\n"])
def test_an_empty_path_is_no_path(path: str) -> None:
    with pytest.raises(FileNotFoundError, match="an input path is empty"):
        expand([path])


def test_a_folder_means_the_files_of_the_sources_kind(tmp_path: Path) -> None:
    write(
        tmp_path, "part-0.snappy.parquet", "PART-1.PARQUET", "_SUCCESS", "_metadata.parquet", ".part-0.parquet",
        "part-2.parquet.part", "README.md", "more.JSON.gz", "_temporary/0/part-9.parquet", "_delta_log/000.json",
    )  # fmt: skip
    assert names(tmp_path, ".", kind="parquet") == ["PART-1.PARQUET", "part-0.snappy.parquet"]
    assert names(tmp_path, "", kind="jsonl") == ["more.JSON.gz"]
    assert len(names(tmp_path, ".", kind="theirs")) == 5, "of a source that has no endings all but the hidden ones"


STEMS = st.sampled_from(["part-0", "a b", "ü", "x.y", "[1]", "PART", "data"])
ENDINGS = st.sampled_from(
    [".jsonl", ".JSONL", ".json", ".jsonl.gz", ".Json.ZST", ".parquet", ".crc", ".md", "", ".jsonl.tmp"]
)


@settings(max_examples=200, deadline=None)
@given(st.sets(st.tuples(st.sampled_from(["", "", "_", "."]), STEMS, ENDINGS), min_size=1, max_size=8))
def test_what_engines_leave_in_a_folder_is_no_input(
    tmp_path_factory: pytest.TempPathFactory, files: set[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    write(folder, "_SUCCESS", "._SUCCESS.crc", *map("".join, files))
    wanted = [
        mark + stem + ending for mark, stem, ending in files
        if not mark and ending.lower() in (".jsonl", ".json", ".jsonl.gz", ".json.zst")
    ]  # fmt: skip
    if wanted:
        assert names(folder, ".", kind="jsonl") == sorted(wanted)
    else:
        with pytest.raises(FileNotFoundError):
            names(folder, ".", kind="jsonl")


def test_marks_and_unfinished_work_are_no_matches_unless_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "_b.json", "_temporary/0/c.json", "_delta_log/000.json", "in/d.json")
    assert names(tmp_path, "**/*.json") == ["a.json", "in/d.json"]
    assert names(tmp_path, "_*.json") == ["_b.json"]
    assert names(tmp_path, "_delta_log/*") == ["_delta_log/000.json"]
    write(tmp_path, "_kept/e.json")
    assert names(tmp_path / "_kept", "*.json") == ["e.json"]


def test_a_data_sets_folder_reads_its_data(tmp_path: Path) -> None:
    write(
        tmp_path, "README.md", "dataset_infos.json", "data/en/0.jsonl", "data/1.jsonl", "data/.cache/2.jsonl", "x.jsonl"
    )
    assert names(tmp_path, ".", kind="jsonl") == ["data/1.jsonl", "data/en/0.jsonl"]
    write(tmp_path / "plain", "data/0.jsonl", "1.jsonl")
    assert names(tmp_path / "plain", ".", kind="jsonl") == ["1.jsonl"], "a folder called data beside files of its own"
    write(tmp_path / "other", "README.md", "data/0.csv", "1.jsonl")
    assert names(tmp_path / "other", ".", kind="jsonl") == ["1.jsonl"], "nothing of this kind in its data"
    write(tmp_path / "bare", "data/0.jsonl")
    assert names(tmp_path / "bare", ".", kind="jsonl") == ["data/0.jsonl"]


def test_a_folder_without_fitting_files_says_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path, "part-00000", "lang=en/a.parquet")
    with pytest.raises(FileNotFoundError, match=r"no parquet file \(\*\.parquet.*but part-00000.*/\*\*/\*\.parquet'"):
        expand([str(tmp_path)], "parquet")
    with pytest.raises(FileNotFoundError, match=r"matches folders only, such as .*lang=en; give"):
        expand([f"{tmp_path}/lang=*"], "parquet")


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")).write_text("x", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"caf\\xe9\.jsonl' has a name that is no UTF-8"):
        expand([str(tmp_path)])


@pytest.mark.parametrize("path", ["data", "data/*.jsonl", "data/b.jsonl", "data/**/*.jsonl"])
def test_a_link_to_nothing_is_no_end_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").touch()
    (tmp_path / "data" / "b.jsonl").symlink_to("../annex/b")
    (tmp_path / "data" / "notes.txt").symlink_to("nowhere")  # no data of this kind
    with pytest.raises(FileNotFoundError, match=r"'data/b.jsonl' is a link to ../annex/b, which is not here; fetch it"):
        expand([path], "jsonl")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(FileNotFoundError, match="neither a file nor a folder"):
        expand([f"{tmp_path}/pipe.jsonl"])
    write(tmp_path, "a.jsonl")
    assert names(tmp_path, ".", "*.jsonl") == ["a.jsonl"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("IN.JSONL", "jsonl"), ("a.Json.GZ", "jsonl"), ("a.ndjson.zst", "jsonl"), ("a.jsonl.xz", "jsonl"),
        ("a.snappy.parquet", "parquet"), ("CC.warc.gz", "warc"), ("a.xyz", None), ("folder", None),
    ],
)  # fmt: skip
def test_the_name_says_which_source_reads_it(path: str, kind: str | None) -> None:
    assert kind_for(path) == kind


def test_remote_paths_go_through_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/data/b.parquet": b"bb", "/data/a.parquet": b"aa", "/data/c.txt": b"c", "/data/_x.parquet": b""})
    memory.pipe({"/hub/README.md": b"r", "/hub/data/en/0.parquet": b"a", "/hub/x.parquet": b"x"})
    for module in (files, find):
        monkeypatch.setattr(module, "file_system", lambda _path: memory)
        monkeypatch.setattr(module, "REMOTE", files.re.compile("^(memory)://"))
    both = ["memory:///data/a.parquet", "memory:///data/b.parquet"]
    assert expand(["memory://data/*.parquet"]) == both
    assert expand(["memory://data/a.parquet", "memory:///data/a.parquet"]) == ["memory://data/a.parquet"]
    assert expand(["memory:///data"], "parquet") == both
    assert expand(["memory://hub"], "parquet") == ["memory://hub/data/en/0.parquet"]
    assert expand(["memory://data/c.txt"]) == ["memory://data/c.txt"]
    with pytest.raises(FileNotFoundError, match="matches no file"):
        expand(["memory://none"])
    with open_input("memory://data/a.parquet") as stream:
        assert (stream.seek(1), stream.readline()) == (1, b"a")
