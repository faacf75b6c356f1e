"""Folders of PDF files: each is a row by its text layer, a drop or a quarantine entry."""

from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import Fault, SourceBatch, asked_process
from stages.l0_collect.extract import pdf
from stages.l0_collect.extract.pdf import iso_date
from stages.l0_collect.readers.pdf import PdfSource
from tests.stages.l0_collect.readers.pdfs import LINE, make_pdf

PAGE = [LINE, LINE, "in summer."]


def read(root: Path, files: dict[str, bytes], **parameters: object) -> list[SourceBatch]:
    for name, content in files.items():
        (root / name).write_bytes(content)
    source = PdfSource(paths=(str(root),), **parameters)
    [path] = source.inputs() or ()
    return [batch for unit in source.units(path, source.identify(path) or "") for batch in source.read(unit)]


def drops(batches: list[SourceBatch]) -> dict[str, tuple[str, float | None, float | None]]:
    return {name: (str(rule), rule.value, rule.threshold) for batch in batches for name, _, rule in batch.dropped}


def test_a_document_with_what_it_says_of_itself(tmp_path: Path) -> None:
    info = "/Title (Ferry\n times) /CreationDate (D:20260131235900+01'00')"
    [batch] = read(tmp_path, {"a.PDF": make_pdf([PAGE, PAGE], info), "b.pdf": make_pdf([PAGE])}, source="papers")
    first, second = batch.rows.to_pylist()
    assert first == {
        "text": f"{LINE} {LINE} in summer.\n\n{LINE} {LINE} in summer.", "url": "", "source": "papers",
        "source_id": "a.PDF", "title": "Ferry times", "date": "2026-01-31T23:59:00+01:00", "extractor": "text_layer",
        "pages": 2, "pages_with_text": 2,
    }  # fmt: skip
    assert (second["title"], second["date"], second["pages"]) == (None, "", 1)


def test_scanned_documents_are_dropped_with_the_share_of_pages_that_have_text(tmp_path: Path) -> None:
    files = {
        "blank.pdf": make_pdf([[], []]),
        "cover.pdf": make_pdf([PAGE, ["3"], ["Scanned by the library"]]),
        "half.pdf": make_pdf([PAGE, []]),
        "none.pdf": make_pdf([]),
    }
    batches = read(tmp_path, files)
    found = drops(batches)
    assert found.pop("none.pdf")[0] in ("no_text_layer", "damaged")
    assert found == {
        "blank.pdf": ("no_text_layer", 0.0, 0.5),
        "cover.pdf": ("no_text_layer", pytest.approx(1 / 3), 0.5),
    }
    assert [row["source_id"] for batch in batches for row in batch.rows.to_pylist()] == ["half.pdf"]
    assert "half.pdf" in drops(read(tmp_path, {}, minimum_pages_with_text=0.6))


def test_what_cannot_be_read_has_a_reason_and_costs_no_other(tmp_path: Path) -> None:
    whole = make_pdf([PAGE, PAGE])
    password = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O ({'o' * 32}) /U ({'u' * 32}) /P -4 >> /ID [(x) (x)]"
    files = {
        "cut.pdf": whole[: len(whole) * 2 // 3],
        "damaged.pdf": b"%PDF-1.4\n" + b"x" * 500 + b"\n%%EOF\n",
        "encrypted.pdf": make_pdf([PAGE], trailer=password),
        "good.pdf": make_pdf([PAGE]),
        "large.pdf": make_pdf([PAGE]) + b"\n" * 5000 + b"%%EOF",
        "long.pdf": make_pdf([PAGE] * 4),
        "page_gone.pdf": whole.replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [4 0 R 9 0 R]"),
        "page.pdf": b"<html>not found</html>",
        "zero.pdf": b"",
    }
    batches = read(tmp_path, files, maximum_pages=3, maximum_bytes=4000)
    assert [row["source_id"] for batch in batches for row in batch.rows.to_pylist()] == ["good.pdf"]
    assert drops(batches) == {
        "cut.pdf": ("truncated", None, None),
        "damaged.pdf": ("damaged", None, None),
        "encrypted.pdf": ("encrypted", None, None),
        "large.pdf": ("too_many_bytes", len(files["large.pdf"]), 4000),
        "long.pdf": ("too_many_pages", 4, 3),
        "page_gone.pdf": ("damaged", None, None),
        "page.pdf": ("not_pdf", None, None),
        "zero.pdf": ("not_pdf", None, None),
    }


@pytest.fixture
def reader_that_obeys(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """The real process around a reader that does what the file says."""
    script = tmp_path_factory.mktemp("script") / "reader.py"
    script.write_text(
        "import os, signal, time\nfrom pipeline.processes import serve\n"
        "def answer(data, asked):\n    exec(data.decode())\n"
        "    return {'text': 'words', 'pages': 1, 'pages_with_text': 1, 'title': '', 'date': ''}\n"
        "serve(answer)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(pdf._READER, "command", [str(script)])
    monkeypatch.setattr(asked_process, "WAIT_PER_SECOND", 8)
    pdf._READER.stop()
    yield
    pdf._READER.stop()


@pytest.mark.usefixtures("reader_that_obeys")
def test_a_document_that_hangs_or_crashes_is_quarantined_alone(tmp_path: Path) -> None:
    files = {
        "1.pdf": b"pass", "2.pdf": b"while True: pass", "3.pdf": b"os.kill(os.getpid(), signal.SIGSEGV)",
        "4.pdf": b"raise RuntimeError('defect')", "5.pdf": b"pass",
    }  # fmt: skip
    batches = read(tmp_path, files, timeout_s=0.3)
    assert [row["source_id"] for batch in batches for row in batch.rows.to_pylist()] == ["1.pdf", "5.pdf"]
    found = {name: error.partition(":")[0] for batch in batches for name, _, error in batch.quarantined}
    assert found == {"2.pdf": "timed_out", "3.pdf": "crashed", "4.pdf": "RuntimeError"}
    assert sum(batch.unread_bytes for batch in batches) == sum(len(files[name]) for name in found)


@pytest.mark.usefixtures("reader_that_obeys")
def test_a_missing_library_is_no_documents_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="lacks a library: No module named 'no_such_library'"):
        read(tmp_path, {"a.pdf": b"import no_such_library"})


@pytest.mark.usefixtures("reader_that_obeys")
@pytest.mark.parametrize(("share", "is_kept"), [(0.09, True), (0.11, False)])
def test_fonts_that_do_not_name_their_letters(tmp_path: Path, share: float, is_kept: bool) -> None:
    text = "\ue001" * round(100 * share) + "x" * round(100 - 100 * share)
    code = f"return {{'text': {text!r}, 'pages': 1, 'pages_with_text': 1, 'title': '', 'date': ''}}"
    script = Path(pdf._READER.command[0])
    script.write_text(script.read_text("utf-8").replace("    exec(data.decode())", f"    {code}"), "utf-8")
    found = drops(read(tmp_path, {"a.pdf": b"x"}))
    assert found == ({} if is_kept else {"a.pdf": ("unreadable_fonts", share, 0.1)})


def test_files_of_another_library_are_read_too(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(make_pdf([PAGE, PAGE]))
    document.save(tmp_path / "saved.pdf")
    document.close()
    [batch] = read(tmp_path, {})
    assert batch.rows.to_pylist()[0]["text"].startswith(LINE)


WHOLE = make_pdf([PAGE, PAGE])


@settings(max_examples=60, deadline=None)
@given(st.one_of(
    st.builds(lambda cut: WHOLE[:cut], st.integers(0, len(WHOLE) - 7)),
    st.builds(lambda place, byte: WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :],
              st.integers(0, len(WHOLE) - 1), st.integers(0, 255)),
))  # fmt: skip
def test_any_damage_ends_in_one_fate(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    batches = read(tmp_path_factory.mktemp("pdf"), {"a.pdf": content})
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    entries = [entry for batch in batches for entry in (*batch.quarantined, *batch.dropped)]
    assert len(rows) + len(entries) == 1
    if len(content) < len(WHOLE):
        assert rows == [], "a cut file is never taken for a whole one"


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("D:20260131235900+01'00'", "2026-01-31T23:59:00+01:00"),
        ("D:20260131235900-05'30", "2026-01-31T23:59:00-05:30"),
        ("D:20260131235900Z", "2026-01-31T23:59:00Z"),
        ("D:202601312359", "2026-01-31T23:59:00"),
        ("20260131", "2026-01-31"),
        ("D:202601", "2026-01"),
        ("D:2026", "2026"),
        ("", ""),
        ("yesterday", ""),
        ("D:20261331", ""),
        ("D:202613", ""),
        ("D:20260131256000", ""),
    ],
)
def test_dates(said: str, date: str) -> None:
    assert iso_date(said) == date
