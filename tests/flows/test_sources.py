"""Recipes over sources that are no files of rows: what a newcomer runs, and what is said of mistakes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.steps import extras
from stages.l0_collect.readers import http_ranges
from tests.flows.helpers import document, orefine, result_of
from tests.stages.l0_collect.readers.crawl import build, serve_cdx, write_index
from tests.stages.l0_collect.readers.pdfs import LINE, make_pdf
from tests.stages.l0_collect.readers.range_server import RangeServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    monkeypatch.setattr(http_ranges, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as told:
        yield told


def recipe(folder: Path, source: dict[str, object], *steps: str) -> Path:
    path = folder / "recipe.yaml"
    level = {"source": source, "steps": [{"kind": kind} for kind in steps]}
    path.write_text(yaml.safe_dump({"dataset": "toy", "l0_collect": level}), encoding="utf-8")
    return path


def table(store: Path, role: str) -> list[dict[str, object]]:
    return [
        row for path in sorted(store.glob(f"l0_collect/*/{role}/*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_a_folder_of_texts(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    for number in range(3):
        (docs / "deep" / f"{number}.md").write_text(document(number), encoding="utf-8")
    (docs / "blank.txt").write_text(" \n", encoding="utf-8")
    (docs / "long.txt").write_text("x" * 9_000, encoding="utf-8")
    chosen = recipe(tmp_path, {"kind": "text", "paths": [str(docs)], "max_document_bytes": 5_000})
    done = result_of(orefine("run", chosen, "--store", tmp_path / "store", "--json"))
    [level] = done["levels"]
    assert (level["rows_in"], level["rows_out"], level["quarantined"]) == (5, 3, 0)
    assert level["dropped"] == {"text.empty": 1, "text.too_large": 1}
    dropped = {row["id"]: (row["value"], row["threshold"]) for row in table(tmp_path / "store", "dropped")}
    assert dropped == {"blank.txt": (None, None), "long.txt": (None, 5_000)}
    assert "deep/1.md" in str(table(tmp_path / "store", "data"))
    again = result_of(orefine("run", chosen, "--input", f"{docs}/", "--store", tmp_path / "store", "--json"))
    assert again["levels"][0]["reused"], "the content decides, not how the folder is spelled"


def test_paths_that_hold_nothing_are_said_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for paths, message in (([], "paths is empty; name folders"), ([str(tmp_path / "docs")], "holds no .txt or")):
        chosen = recipe(tmp_path, {"kind": "text", "paths": paths})
        done = orefine("run", chosen, "--store", tmp_path / "store", code=2)
        assert (message in done.stderr, done.stderr.count("\n")) == (True, 1)
    assert not (tmp_path / "store").exists()


def test_input_chooses_the_source_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(document(1), encoding="utf-8")
    chosen = recipe(tmp_path, {"kind": "parquet"})
    done = result_of(orefine("run", chosen, "--input", tmp_path / "a.md", "--store", tmp_path / "store", "--json"))
    assert done["levels"][0]["rows_out"] == 1


def test_pages_of_common_crawl(server: RangeServer, tmp_path: Path) -> None:
    told = build(server)
    broken = next(row for row in told if row["url"] == "https://notexample.org/")
    broken["warc_record_offset"] += 10_000_000
    index = write_index(tmp_path / "index.parquet", told)
    source = {"kind": "common_crawl", "index": str(index), "base": server.url, "languages": ["eng"]}
    command = ("run", recipe(tmp_path, source, "extract_html"), "--store", tmp_path / "store", "--json")
    [level] = result_of(orefine(*command, code=3))["levels"]
    assert (level["rows_in"], level["rows_out"], level["quarantined"]) == (6, 5, 1)
    [bad] = table(tmp_path / "store", "quarantine")
    assert (bad["url"], bad["step"], bad["error"][:22]) == (broken["url"], "00 common_crawl", "the server answers 416")
    assert {str(row["url"]) for row in table(tmp_path / "store", "data")} >= {"http://example.org/"}
    requests = len(server.asked)
    assert result_of(orefine(*command, code=3))["levels"][0]["reused"]
    assert len(server.asked) == requests, "what is there is not fetched again"


def test_an_index_and_a_cdx_server_are_one_recipe(server: RangeServer, tmp_path: Path) -> None:
    told = build(server)
    wish = {"kind": "common_crawl", "base": server.url, "hosts": ["example.org"]}
    ids = []
    for where in ({"index": str(write_index(tmp_path / "i.parquet", told))}, {"cdx": serve_cdx(server, told)}):
        chosen = recipe(tmp_path, wish | where, "extract_html")
        [level] = result_of(orefine("run", chosen, "--store", tmp_path / "store", "--json"))["levels"]
        ids.append((level["recipe_id"], level["content_id"], level["reused"]))
    assert ids == [(*ids[0][:2], False), (*ids[0][:2], True)]


def test_a_server_that_does_not_answer_ends_the_run_which_goes_on_later(server: RangeServer, tmp_path: Path) -> None:
    source = {
        "kind": "common_crawl",
        "index": str(write_index(tmp_path / "i.parquet", build(server))),
        "base": server.url,
    }
    command = ("run", recipe(tmp_path, source, "extract_html"), "--store", tmp_path / "store", "--json")
    server.always = "503"
    done = orefine(*command, code=1)
    assert "503 Service Unavailable, after 7 requests" in done.stderr
    assert "nothing was published" in done.stderr
    server.always = ""
    assert result_of(orefine(*command))["levels"][0]["rows_out"] == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hosts": ["nothing.test"]}, "fits hosts, prefixes, languages and mime"),
        ({"index": "gone.parquet"}, "input 'gone.parquet' matches no file"),
        ({"paths": ["a.parquet"]}, "give the index as `index` or `cdx`, not as `paths`"),
        ({"languages": ["en"]}, "which names them by three letters"),
        ({"host": ["a.org"]}, "unknown key 'host' (did you mean 'hosts'?)"),
    ],
)
def test_mistakes_are_said_before_the_start(
    server: RangeServer, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    index = str(write_index(tmp_path / "i.parquet", build(server)))
    chosen = recipe(tmp_path, {"kind": "common_crawl", "index": index, "base": server.url} | change, "extract_html")
    done = orefine("run", chosen, "--store", tmp_path / "store", code=2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_pages_of_which_no_step_makes_text_are_refused(tmp_path: Path) -> None:
    chosen = recipe(tmp_path, {"kind": "common_crawl", "index": "i.parquet"})
    done = orefine("run", chosen, "--store", tmp_path / "store", code=2)
    assert (
        "common_crawl gives pages, and no step makes text of them; add `steps: [{kind: extract_html}]`" in done.stderr
    )


@pytest.mark.parametrize(
    ("module", "source", "extra"),
    [
        ("requests", {"kind": "common_crawl", "cdx": "https://index.test/"}, "common-crawl"),
        ("pypdfium2", {"kind": "pdf", "paths": ["papers"]}, "pdf"),
    ],
)
def test_a_missing_extra_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, source: dict[str, object], extra: str
) -> None:
    steps = ["extract_html"] if source["kind"] == "common_crawl" else []
    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == module else found(name))
    done = orefine("run", recipe(tmp_path, source, *steps), "--store", tmp_path / "store", code=2)
    assert f"pip install 'orefine[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_of_pdf_files(tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a.pdf").write_bytes(make_pdf([[LINE, LINE]], "/Title (Ferries) /CreationDate (D:20260131)"))
    (papers / "scan.pdf").write_bytes(make_pdf([[LINE], [], []]))
    chosen = recipe(tmp_path, {"kind": "pdf", "paths": [str(papers)]})
    [level] = result_of(orefine("run", chosen, "--store", tmp_path / "store", "--json"))["levels"]
    assert (level["rows_in"], level["rows_out"], level["dropped"]) == (2, 1, {"pdf.no_text_layer": 1})
    [row], [dropped] = table(tmp_path / "store", "data"), table(tmp_path / "store", "dropped")
    assert (row["text"], row["date"]) == (f"{LINE} {LINE}", "2026-01-31")
    assert json.loads(str(row["meta"])) == {
        "extractor": "text_layer", "pages": 1, "pages_with_text": 1, "source_id": "a.pdf", "title": "Ferries",
    }  # fmt: skip
    assert (dropped["id"], dropped["value"], dropped["threshold"]) == ("scan.pdf", pytest.approx(1 / 3), 0.5)
    told = orefine("explain", "scan.pdf", "--store", tmp_path / "store").stdout
    assert "no_text_layer" in told
