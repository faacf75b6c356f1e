"""Real pages: the lines of code and the cells of tables that a person kept come through as they are."""

import re
import tarfile
from pathlib import Path

import pytest

from stages.l0_collect.extract.blocks import blocks, join
from stages.l0_collect.extract.decode import decode
from stages.l0_collect.extract.tree import parse


def words(text: str) -> str:
    return "".join(re.sub(r"[`~^\\|]+", "", text).split())


@pytest.mark.slow
def test_code_and_cells_of_readability_pages(shared_data: Path) -> None:
    with tarfile.open(shared_data / "crawl" / "readability_pages.tar.gz") as archive:
        files = {
            member.name: stream.read() for member in archive.getmembers() if (stream := archive.extractfile(member))
        }
    lines, cells = [], []
    for name, page in files.items():
        if not name.endswith("source.html"):
            continue
        truth = parse(files[name.replace("source", "expected")].decode())
        text = join(blocks(parse(decode(page, "text/html; charset=utf-8"))))
        kept, all_words = {line.rstrip() for line in text.split("\n")}, words(text)
        for code in truth.iter("pre"):
            said = "".join(code.itertext()).replace("\xa0", " ").split("\n")
            lines += [line.rstrip() in kept for line in said if line.strip()]
        for cell in truth.iter("td", "th"):
            cells += [words(" ".join(cell.itertext())) in all_words]
    assert len(lines) > 1500
    assert sum(lines) > 0.99 * len(lines)
    assert len(cells) > 700
    assert sum(cells) > 0.98 * len(cells)
