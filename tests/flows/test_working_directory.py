"""Nothing of the working directory is imported, by whichever process: there lie other people's files."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from stages.l2_select.train.settings import TrainSettings
from stages.l2_select.train.train_classifier import train
from tests.flows.helpers import rows, write_parquet

ROOT = Path(__file__).parents[2]
HOSTILE = ("numba.py", "pyarrow.py", "types.py", "multiprocessing/__init__.py", "ray/__init__.py",
           "pipeline/__init__.py", "stages/__init__.py", "lxml/__init__.py", "sitecustomize.py")  # fmt: skip
SETTINGS = TrainSettings(
    dim=4, lr=0.5, epochs=3, min_count=1, word_ngrams=1, bucket=100, minimum_auc=0, minimum_spread=0
)


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_run_beside_modules_of_the_same_names(tmp_path: Path, runner: str):
    texts = [row["text"] for row in rows(120)]
    train(pa.array(texts[::2]), pa.array(texts[1::2]), SETTINGS, tmp_path / "model")
    here = tmp_path / "here"
    write_parquet(here / "in.parquet", rows(20))
    for name in HOSTILE:
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write({name + ' '!r})\n", encoding="utf-8")
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": ["in.parquet"]}},  # relative, for workers too
        "l1_filter": {"steps": [{"kind": "gopher_quality"}], "alarm": None},
        "l2_select": {"steps": [{"kind": "fasttext_quality", "model": str(tmp_path / "model" / "model.bin")}]},
    }
    (here / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    # As the installed `orefine`, which has no working directory on its path. An empty entry stands for it.
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    start = "import os, flows.cli; os.environ['PYTHONPATH'] += ':'; del os.environ['PYTHONSAFEPATH']; flows.cli.main()"
    command = [sys.executable, "-c", start, "run", "recipe.yaml", "--store", "store", "--runner", runner]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=300)
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text(encoding="utf-8")
    assert done.returncode == 0, done.stderr
