"""A release as an Iceberg table, read back by pyiceberg, and by DuckDB where it has its extension.

`pip install --no-deps --target FOLDER -r benchmarks/requirements-iceberg.txt`, then `DUCKDB_ICEBERG=FOLDER pytest …`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.publish.export import NotEmpty
from pipeline.publish.iceberg import export_iceberg
from tests.pipeline.publish.helpers import release

pyiceberg = pytest.importorskip("pyiceberg.catalog.sql")


DUCKDB = os.environ.get("DUCKDB_ICEBERG", "")
READ = """
import glob, json, sys
import duckdb
extensions, table = sys.argv[1:]
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "iceberg"):
    (file,) = glob.glob(f"{extensions}/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")
    connection.execute(f"LOAD '{file}'")
print(json.dumps(connection.execute(f"select id, text from iceberg_scan('{table}') order by id").fetchall()))
"""


def table(folder: Path):
    return pyiceberg.SqlCatalog("orefine", uri=f"sqlite:///{folder / 'catalog.db'}")


@pytest.mark.filterwarnings("default")
def test_the_rows_are_there_and_a_second_call_changes_nothing(tmp_path: Path):
    store, directory, made = release(tmp_path)
    out = tmp_path / "out"
    for _ in range(2):
        assert export_iceberg(store, directory, out) == out
        with table(out) as catalog:
            (name,) = catalog.list_tables("orefine")
            found = catalog.load_table(name)
            assert found.scan().to_arrow().num_rows == made.rows
            assert len(found.snapshots()) == 1
            assert found.current_snapshot().summary["orefine.version"] == made.version


@pytest.mark.filterwarnings("default")
def test_another_version_does_not_go_into_the_same_folder(tmp_path: Path):
    store, directory, _ = release(tmp_path)
    (tmp_path / "out" / "files").mkdir(parents=True)
    (tmp_path / "out" / "files" / "other.parquet").write_bytes(b"")
    with pytest.raises(NotEmpty, match="which is no file of this version"):
        export_iceberg(store, directory, tmp_path / "out")


@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(not DUCKDB, reason="DUCKDB_ICEBERG names no folder with DuckDB and its extension")
def test_duckdb_reads_the_same_rows(tmp_path: Path):
    store, directory, _ = release(tmp_path)
    out = export_iceberg(store, directory, tmp_path / "out")
    with table(out) as catalog:
        (name,) = catalog.list_tables("orefine")
        found = catalog.load_table(name)
        rows = sorted((row["id"], row["text"]) for row in found.scan().to_arrow().to_pylist())
        place = found.metadata_location.removeprefix("file://")
    environment = {**os.environ, "PYTHONPATH": DUCKDB}
    command = [sys.executable, "-c", READ, DUCKDB, place]
    read = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert read.returncode == 0, read.stderr
    assert [tuple(row) for row in json.loads(read.stdout)] == rows
