"""A release as an Iceberg table, read back by pyiceberg."""

from pathlib import Path

import pytest

from pipeline.publish.export import NotEmpty
from pipeline.publish.iceberg import export_iceberg
from tests.pipeline.publish.helpers import release

pyiceberg = pytest.importorskip("pyiceberg.catalog.sql")


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
