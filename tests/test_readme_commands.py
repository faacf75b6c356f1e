"""Every `orefine` line of the README's shell blocks runs as it stands there, in its order, in one folder.

The folder holds the files that the README speaks of. What a test cannot give is named in NOT_HERE, with the test that
does run it.
"""

import json
import random
import re
import shlex
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.flows.helpers import orefine, write_parquet

README = (Path(__file__).parents[1] / "README.md").read_text()
NOT_HERE = {
    "orefine serve serve.yaml": "tests/flows/test_schedule.py",
    "orefine run ultra_fineweb_en --store store": "reads the hub",
    "orefine run ultra_fineweb_en --store /shared/store --ray-address HEAD:6379": "tests/flows/test_cluster.py",
    "orefine ablate part-0.parquet ultra_fineweb_en --store store --output ablation": "trains: tests/flows/studies",
}
TEXT = """
the council of this town has said that a new library will be open to all people by the end of spring and that with it
come rooms where children read, learn music or have a quiet place for their work while the parents talk about books they
found on history, gardens, old ships and the long roads which once went over these green hills
"""
WORDS = TEXT.split()
TOPICS = {
    "gov": ("statute", "regulation", "committee", "hearing"),
    "com": ("discount", "voucher", "checkout", "delivery"),
}
PAGES_OF_A_HOST = 80


def documented() -> list[str]:
    """The lines, with `&&` taken apart, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("#")[0].split("&&")]
    return [line.replace("FILE", "pages.parquet") for line in lines if line.startswith("orefine ")]


def test_every_command_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"text": page(number, kind), "url": f"https://www.example.{kind}/{number}"}
        for kind in TOPICS
        for number in range(PAGES_OF_A_HOST)
    ]
    rows.append({"text": page(PAGES_OF_A_HOST, "com"), "url": "https://www.example.org/page"})
    rows.append({"text": "Too short.", "url": "https://www.example.org/short"})
    for name in ("pages", "part-0", "incoming/new"):
        write_parquet(tmp_path / f"{name}.parquet", rows)
    (service,) = re.findall(r"```yaml\n(# serve.yaml\n.*?)```", README, re.DOTALL)
    (tmp_path / "serve.yaml").write_text(service)
    orefine("new", "recipe", "news.yaml")
    write_parquet(tmp_path / "part-1.parquet", rows[:1])
    for name, kind in (("good", "gov"), ("bad", "com")):
        texts = [json.dumps({"text": page(number, kind)}) for number in range(PAGES_OF_A_HOST)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(texts))
    for line in documented():
        if line not in NOT_HERE:
            orefine(*shlex.split(line)[1:])
    assert pq.read_table(tmp_path / "scored/pages.parquet")["quality"].null_count == 0
    assert set(NOT_HERE) <= set(documented())


def test_the_line_that_installs_clones_enters_and_finds_what_make_installs(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    (origin := tmp_path / "origin").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        (origin / name).write_text((Path(__file__).parents[1] / name).read_text())
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Begin"]):
        subprocess.run([*git, *words], cwd=origin, check=True)
    (line,) = re.findall("^git clone .*$", README, re.MULTILINE)
    shown = line.replace(" ADDRESS ", f" {origin} ").replace("make install", "make --dry-run install")
    assert "pip" in subprocess.run(shown, shell=True, cwd=tmp_path, check=True, capture_output=True, text=True).stdout


def page(number: int, kind: str) -> str:
    """Four paragraphs about the topic of `kind`, different for every number."""
    draw = random.Random(f"{number} {kind}")
    sentences = [" ".join([*draw.sample(WORDS, 14), draw.choice(TOPICS[kind])]) for _ in range(16)]
    return "\n\n".join(". ".join(sentences[start : start + 4]).capitalize() + "." for start in range(0, 16, 4))
