"""Today's opt-outs applied to pages that were collected earlier: those and only those are lost, and it is said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runs.recipe import load_recipe_text
from flows.runs.run import open_run, run_recipe
from pipeline.rows.batch import Batch
from stages.l0_collect.crawl.site_opt_outs import SiteOptOuts
from stages.l0_collect.crawl.sites import Site, write_snapshot
from stages.l0_collect.readers.warc import WarcSource
from tests.loopback import Quiet, serving
from tests.stages.l0_collect.readers.warc_files import http, record

FILES = {
    "clean": {"/robots.txt": "User-agent: *\nDisallow: /elsewhere/\n"},
    "private": {"/robots.txt": "User-agent: *\nDisallow: /private/\n\nUser-agent: otherbot\nDisallow: /\n"},
    "no_models": {"/robots.txt": "User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nAllow: /\n"},
    "usage": {"/robots.txt": "User-agent: *\nContent-Usage: train-ai=n\nAllow: /\n"},
    "ai_txt": {"/ai.txt": "User-agent: *\nDisallow: /a/\n"},
    "reserved": {"/.well-known/tdmrep.json": '[{"location": "/photos/*", "tdm-reservation": 1}]'},
    "down": {},
}
"""Host → what its files say. The host `down` answers nothing but 503."""
PAGES = {
    "clean": {"/1": "", "/2": "", "/3": ""},
    "private": {"/private/1": "robots_disallowed", "/private/2": "robots_disallowed", "/open/1": ""},
    "no_models": {"/1": "robots_ai", "/2": "robots_ai"},
    "usage": {"/1": "train_ai"},
    "ai_txt": {"/a/1": "ai_txt", "/b/1": ""},
    "reserved": {"/photos/1": "tdm_reservation", "/news/1": ""},
    "down": {"/1": ""},
}
"""Host → its pages, and the rule by which each is to be lost."""
TEXT = "<p>The river carries water and stones from the mountains to the sea, and the sea keeps them for long.</p>" * 4
ITSELF = {
    "/noai": ("X-Robots-Tag: noai", "", "opt_out_noai"),
    "/noindex": ("", '<META content="noindex" NAME="Robots">', "opt_out_noindex"),
    "/tdm": ("", '<meta name="tdm-reservation" content="1">', "opt_out_tdm_reservation"),
    "/usage": ("Content-Usage: train-ai=n", "", "opt_out_train_ai"),
    "/ours": ("X-Robots-Tag: mybot: noai", "", "opt_out_noai"),
    "/theirs": ("X-Robots-Tag: otherbot: noai", '<meta name="otherbot" content="noindex">', ""),
    "/pictures": ("X-Robots-Tag: noimageai", "", ""),
    "/comment": ("", '<!-- <meta name="robots" content="noindex"> --><meta name="description" content="none">', ""),
    "/both": ("X-Robots-Tag: otherbot: noarchive\r\nX-Robots-Tag: noai", "", "opt_out_noai"),
    "/nameless": ("", '<meta itemprop="robots" content="noindex">', ""),
    "/plain": ("", "", ""),
}
"""Of the host `clean`: header, element of <head>, and the rule by which the source is to drop the page."""


class Web:
    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, host: str, path: str) -> str:
        return f"http://127.0.0.{21 + list(FILES).index(host)}:{self.port}{path}"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    class Site(Quiet):
        def do_GET(self) -> None:
            host = list(FILES)[int(self.headers["Host"].partition(":")[0].rpartition(".")[2]) - 21]
            body = FILES[host].get(self.path, "").encode()
            self.answer(503 if host == "down" else 200 if body else 404, body, "text/plain")

    with serving(Site, "") as port:
        yield Web(port)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.l0_collect.crawl.engine.RETRY_SECONDS", 0.05)


def write_warc(path: Path, web: Web) -> None:
    records = []
    for host, pages in PAGES.items():
        records += [record(web.url(host, page), http(TEXT.encode())) for page in pages]
    for page, (header, element, _) in ITSELF.items():
        html = f"<!doctype html><head><title>x</title>{element}</head>{TEXT}"
        headers = "Content-Type: text/html" + (f"\r\n{header}" if header else "")
        records.append(record(web.url("clean", page), http(html.encode(), headers)))
    path.write_bytes(b"".join(gzip.compress(one) for one in records))


def ask(inputs: Path, snapshot: Path) -> dict[str, Any]:
    command = ["opt-outs", str(inputs), "--to", str(snapshot), "--user-agent", "mybot/1.0 (+https://a.example/bot)"]
    done = CliRunner().invoke(app, [*command, "--allow-network", "127.0.0.0/8", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(source: dict[str, Any], steps: list[dict[str, Any]], store: Path) -> tuple[dict[str, str], str, str]:
    """URL → rule by which it was dropped, empty for pages that stayed; card and report."""
    recipe = load_recipe_text(json.dumps({"dataset": "old", "l0_collect": {"source": source, "steps": steps}}))
    opened = open_run(str(store), "inline", None, None, (), quiet=True)
    result = run_recipe(recipe, opened)
    folder = Path(opened.store.shown(result.levels[0].directory))
    found = dict.fromkeys(ds.dataset(folder / "data").to_table()["url"].to_pylist(), "")
    dropped = ds.dataset(folder / "dropped").to_table().to_pylist()
    found |= {row["url"]: row["reason"].rpartition(".")[2] for row in dropped}
    done = result.as_json(opened.store)
    card, report = (Path(path).read_text(encoding="utf-8") for path in (f"{done['release']}/README.md", done["report"]))
    return found, card, report


def test_a_warc_loses_what_opts_out_and_nothing_else(web: Web, tmp_path: Path):
    write_warc(tmp_path / "old.warc.gz", web)
    assert ask(tmp_path / "old.warc.gz", tmp_path / "opt_outs.jsonl")["without_answer"] == 1
    source = {
        "kind": "warc", "paths": [str(tmp_path / "old.warc.gz")], "user_agent": "mybot",
        "honour": ["noai", "noindex", "tdm_reservation", "train_ai"],
    }  # fmt: skip
    step = {"kind": "site_opt_outs", "snapshot": str(tmp_path / "opt_outs.jsonl"), "user_agent": "mybot"}
    found, card, report = run(source, [step, {"kind": "extract_html"}], tmp_path / "store")
    planted = {web.url(host, page): rule for host, pages in PAGES.items() for page, rule in pages.items()}
    planted |= {web.url("clean", page): rule for page, (_, _, rule) in ITSELF.items()}
    assert found == planted
    assert "Opt-outs of pages: 6 of 25 rows left out (24.0%): noai 3, noindex 1, tdm_reservation 1, train_ai 1" in card
    assert "7 of 19 rows left out (36.8%): ai_txt 1, robots_ai 2, robots_disallowed 2, tdm_reservation 1, train" in card
    host = web.url("private", "").partition("//")[2]
    row = report[report.index(f"<td>{host}</td>") :].partition("</tr>")[0]
    assert "66.7 %" in row
    assert "robots_disallowed 2" in row


def test_a_header_with_bare_line_ends_and_no_agent(tmp_path: Path):
    blocks = {
        "tag": http(TEXT.encode(), "Content-Type: text/html\r\nX-Robots-Tag: noai").replace(b"\r\n", b"\n"),
        "body": http(b"<!doctype html>\n\nX-Robots-Tag: noai\n").replace(b"\r\n", b"\n"),
        "nameless": http(b'<!doctype html><meta itemprop="robots" content="noindex">' + TEXT.encode()),
    }
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(record(f"http://a.example/{name}", block) for name, block in blocks.items()))
    source = WarcSource(honour=("noai", "noindex"))
    [batch] = [batch for unit in source.units(str(path), "") for batch in source.read(unit)]
    assert [(url, rule) for _, url, rule in batch.dropped] == [("http://a.example/tag", "opt_out_noai")]


def test_parquet_loses_what_its_sites_reserve(web: Web, tmp_path: Path):
    planted = {web.url(host, page): rule for host, pages in PAGES.items() for page, rule in pages.items()}
    rows = [{"text": f"{TEXT} {url}", "url": url} for url in planted]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "old.parquet")
    ask(tmp_path / "old.parquet", tmp_path / "opt_outs.jsonl")
    source = {"kind": "parquet", "paths": [str(tmp_path / "old.parquet")]}
    step = {"kind": "site_opt_outs", "snapshot": str(tmp_path / "opt_outs.jsonl")}
    assert run(source, [step], tmp_path / "store")[0] == planted
    strict, _, _ = run(source, [step | {"unknown": "drop"}], tmp_path / "strict")
    assert strict == planted | {web.url("down", "/1"): "no_answer"}
    other, _, _ = run(source, [step | {"user_agent": "otherbot", "honour": []}], tmp_path / "other")
    assert {url for url, rule in other.items() if rule} == {web.url("private", page) for page in PAGES["private"]}


def judged(step: SiteOptOuts, *urls: str | None) -> list[str]:
    judgement = step.judge(Batch(pa.RecordBatch.from_pylist([{"text": "x", "url": url} for url in urls])))
    return ["" if place < 0 else judgement.rules[place] for place in judgement.rule]


def test_urls_are_compared_in_one_spelling_and_rows_without_are_kept(tmp_path: Path):
    site = Site(host="https://a.example", asked="2026-11-26", status=200, robots="User-agent: *\nDisallow: /x\n")
    write_snapshot(tmp_path / "s.jsonl", [site])
    step = SiteOptOuts(snapshot=str(tmp_path / "s.jsonl"), unknown="drop")
    urls = ("HTTPS://A.example:443/b/../x#1", "https://a.example/y", None, "", "no url", "http://a.example/y")
    assert judged(step, *urls) == ["robots_disallowed", "", "", "", "", "not_asked"]


def test_the_snapshot_counts_by_its_content(tmp_path: Path):
    steps = []
    for name in ("a", "b"):
        write_snapshot(tmp_path / name, [Site(host="https://a.example", asked="2026-11-26")])
        steps.append(SiteOptOuts(snapshot=str(tmp_path / name)))
    assert steps[0].identity() == steps[1].identity()
    assert steps[0].assets() == steps[1].assets()
    write_snapshot(tmp_path / "b", [Site(host="https://b.example", asked="2026-11-26")])
    assert steps[0].assets() != steps[1].assets()
    assert steps[1].shows() == {"asked": "2026-11-26", "hosts": 1}
    with pytest.raises(FileNotFoundError, match="no file; `orefine opt-outs` makes one"):
        SiteOptOuts(snapshot=str(tmp_path / "c")).assets()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--user-agent", "mybot"], "must begin with a name and hold a URL or mail address"),
        (["--to", "nowhere/at/all.jsonl"], "the folder nowhere/at does not exist"),
        (["--allow-network", "intranet"], "is no network"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, change: list[str], message: str):
    pq.write_table(pa.table({"text": ["x"], "url": ["no url"]}), tmp_path / "a.parquet")
    command = ["opt-outs", str(tmp_path / "a.parquet"), "--to", str(tmp_path / "s"), "--user-agent", "mybot/1 (a@b.c)"]
    done = CliRunner().invoke(app, [*command, *change])
    assert done.exception is not None
    assert message in str(done.exception)
    done = CliRunner().invoke(app, command)
    assert "there is no site to ask" in str(done.exception)
