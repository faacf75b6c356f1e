"""HTML in, main text out; a page that the extractor cannot take costs nothing but itself."""

import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.steps import Fault, Transformed, asked_process
from stages.l0_collect.extract import extract_html
from stages.l0_collect.extract.extract_html import ExtractHtml
from tests.stages.l0_collect.readers.pdfs import make_pdf

TEXT = "The ferry crosses the bay four times a day, and in the summer it also carries bicycles and small boats."
PAGE = f"""<html><head><title> Ferry
 times </title></head><body><nav><a href="/">Home</a> <a href="/login">Sign in</a></nav>
<article><h1>Ferry times</h1><p>{TEXT}</p><p>{TEXT.replace("ferry", "train")}</p></article>
<footer>Privacy policy</footer></body></html>"""


def extract(*pages: bytes | str | None, content_type: str = "text/html", **settings: float) -> Transformed:
    html = [page.encode() if isinstance(page, str) else page for page in pages]
    rows = pa.RecordBatch.from_pydict({
        "html": pa.array(html, pa.binary()),
        "url": [f"http://a.test/{number}" for number in range(len(pages))],
        "content_type": [content_type] * len(pages),
    })  # fmt: skip
    return ExtractHtml(**settings).transform(Batch(rows))


def reasons(result: Transformed) -> list[tuple[str, float, float]]:
    judgement = result.judgement
    assert judgement is not None
    return [
        (judgement.rules[rule], judgement.value[row], judgement.threshold[row]) if rule >= 0 else ("", 0, 0)
        for row, rule in enumerate(judgement.rule)
    ]


def test_main_text_and_title_stay_and_the_html_goes() -> None:
    result = extract(PAGE)
    [row] = result.batch.rows.to_pylist()
    assert set(row) == {"url", "content_type", "text", *(field.name for field in extract_html.ADDED)}
    assert TEXT in row["text"]
    assert "Sign in" not in row["text"]
    assert "Privacy" not in row["text"]
    assert row["title"] == "Ferry times"
    assert (row["published"], row["license"]) == (None, None)
    assert row["extractor"] == "blocks"
    assert 0.5 < row["extractor_confidence"] <= 1
    assert result.changed == {"extracted": 1}


def test_a_pdf_among_the_pages_is_read_by_its_text_layer() -> None:
    lines = ["The ferry crosses the bay four times a day, and it carries bicycles", "in summer."]
    paper = make_pdf([lines], "/Title (Ferries) /CreationDate (D:20260131)")
    result = extract(
        PAGE, paper, make_pdf([[]]), paper[: len(paper) // 2], b"\n\n" + paper, content_type="application/pdf"
    )
    rows = result.batch.rows.to_pylist()
    assert (rows[1]["text"], rows[1]["title"], rows[1]["published"]) == (" ".join(lines), "Ferries", "2026-01-31")
    assert (rows[1]["extractor"], rows[1]["extractor_confidence"]) == ("text_layer", None)
    assert rows[4]["text"] == rows[1]["text"]
    assert rows[0]["extractor"] == "blocks"
    assert [rule for rule, _, _ in reasons(result)] == ["", "", "no_text_layer", "truncated", ""]
    assert result.changed == {"extracted": 3}


def test_a_page_about_pdf_is_a_page() -> None:
    assert extract(PAGE.replace("<title>", "<title>%PDF-1.7 ")).batch.rows["extractor"].to_pylist() == ["blocks"]


def test_pages_without_text_are_dropped() -> None:
    result = extract("", None, "<html></html>", "no markup <", PAGE)
    assert [rule for rule, _, _ in reasons(result)][:3] == ["no_text"] * 3
    assert reasons(result)[4] == ("", 0, 0)
    assert result.errors == {}


def test_the_same_page_twice_gives_the_same_text_twice() -> None:
    texts = extract(*[PAGE] * 5).batch.text.to_pylist()
    assert len(set(texts)) == 1
    assert TEXT in texts[0]


def test_bounds_decide_before_the_clock() -> None:
    deep = "<div>" * 200 + "x" + "</div>" * 200
    result = extract(PAGE + " " * 5000, deep, "<p>x</p>" * 400, maximum_bytes=5000, maximum_elements=300)
    assert [rule for rule, _, _ in reasons(result)] == ["too_many_bytes", "too_deep", "too_many_elements"]
    assert reasons(result)[2][1:] == (402, 300)
    assert reasons(result)[1][1] > reasons(result)[1][2] == 128


@pytest.fixture
def extractor_that_obeys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real process around an extractor that does what the page says."""
    folder = Path(extract_html.__file__).parent
    script = tmp_path / "page.py"
    script.write_text(
        f"import os, signal, sys, time\nsys.path.insert(0, {str(folder)!r})\nimport page\n"
        "def extract(html, *settings):\n"
        "    exec(html.decode())\n"
        "    said = dict.fromkeys(('title', 'published', 'declared_language', 'canonical_url', 'license'), '')\n"
        "    return said | {'text': 'ok', 'elements': 1, 'depth': 1, 'extractor': 'blocks', 'confidence': 1.0}\n"
        "page.extract = extract\npage.main()\n"
    )
    monkeypatch.setattr(extract_html._EXTRACTOR, "command", [str(script)])
    extract_html._EXTRACTOR.stop()
    yield
    extract_html._EXTRACTOR.stop()


@pytest.mark.usefixtures("extractor_that_obeys")
def test_a_page_that_hangs_or_crashes_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_process, "WAIT_PER_SECOND", 8)
    result = extract(
        "pass",
        "while True: pass",
        "time.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "raise RuntimeError('defect')",
        "x = bytearray(1 << 40)",
        "print('noise')",
        timeout_s=0.3,
    )
    assert result.batch.text.to_pylist() == ["ok", "", "", "", "", "", "ok"]
    assert {row: error.partition(":")[0] for row, error in result.errors.items()} == {
        1: "timed_out", 2: "timed_out", 3: "crashed", 4: "RuntimeError", 5: "MemoryError",
    }  # fmt: skip
    assert f"code {-signal.SIGSEGV}" in result.errors[3]


@pytest.mark.usefixtures("extractor_that_obeys")
def test_a_missing_library_is_no_pages_fault() -> None:
    with pytest.raises(Fault, match="lacks a library: No module named 'no_such_library'"):
        extract("pass", "import no_such_library")


def test_a_process_is_replaced_after_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_process, "REQUESTS_PER_PROCESS", 2)
    assert [TEXT in text for text in extract(*[PAGE] * 5).batch.text.to_pylist()] == [True] * 5


@pytest.mark.slow
def test_hostile_pages_all_come_to_an_end(shared_data: Path) -> None:
    with tarfile.open(shared_data / "crawl" / "hostile_html.tar.gz") as archive:
        streams = [archive.extractfile(member) for member in archive.getmembers()]
        pages = [stream.read() for stream in streams if stream]
    result = extract(*pages[::6])
    assert result.errors == {}
    assert {rule for rule, _, _ in reasons(result)} <= {"", "no_text", "too_deep", "too_many_elements"}
