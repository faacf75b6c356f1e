"""PDF files by hand: lines of text at given places, in Helvetica."""

from __future__ import annotations

from collections.abc import Sequence

LINE = "The ferry crosses the bay four times a day, and it carries bicycles"


def make_pdf(
    pages: Sequence[Sequence[str]], info: str = "", columns: Sequence[Sequence[str]] = (), trailer: str = ""
) -> bytes:
    """`pages`: the lines of each; `columns`: a second column of each; `info`: entries of the Info dictionary."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        content = _column(lines, 72) + (_column(columns[number], 320) if columns else b"")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {5 + 2 * number} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream")
    objects.append(f"<< {info} >>".encode("latin-1"))
    made, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    made += f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R {trailer} >>\n".encode()
    return bytes(made + b"startxref\n%d\n%%%%EOF\n" % table)


def _column(lines: Sequence[str], left: int) -> bytes:
    shown = [line.encode("cp1252").translate(None).replace(b"\\", b"\\\\") for line in lines]
    shown = [line.replace(b"(", b"\\(").replace(b")", b"\\)") for line in shown]
    return b"BT /F1 10 Tf 14 TL %d 720 Td " % left + b" ".join(b"(%s) Tj T*" % line for line in shown) + b" ET\n"
