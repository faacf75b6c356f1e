"""A release as an Iceberg table in a folder, with a catalogue on SQLite beside it.

    files/             the release, as `--format hf` writes it; the table's data files are these
    catalog.db         pyiceberg's SqlCatalog `orefine`, with the table `orefine.<dataset>`
    warehouse/         the table's metadata; its snapshot names the version

Iceberg's metadata hold absolute paths: a folder that is moved is exported anew.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from pipeline.publish.export import export_hf
from pipeline.publish.release import load_release
from pipeline.steps.extras import require
from pipeline.store.store import Store

NAMESPACE, VERSION = "orefine", "orefine.version"


def export_iceberg(store: Store, directory: str, target: Path) -> Path:
    """The table; a call that was killed is completed by the next, and one that was not changes nothing."""
    require(["iceberg"])
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.exceptions import NoSuchTableError

    release = load_release(store, directory)
    target = target.absolute()
    files = export_hf(store, directory, target / "files")
    warehouse = target / "warehouse"
    warehouse.mkdir(exist_ok=True)
    name = (NAMESPACE, release.dataset.replace(".", "_"))
    with SqlCatalog(NAMESPACE, uri=f"sqlite:///{target / 'catalog.db'}", warehouse=warehouse.as_uri()) as catalog:
        catalog.create_namespace_if_not_exists(NAMESPACE)
        data = [files / file.path for file in release.files if file.role == "data"]
        try:
            table = catalog.load_table(name)
        except NoSuchTableError:
            table = catalog.create_table(name, pq.read_schema(data[0]), (warehouse / name[1]).as_uri())
        if table.current_snapshot() is None:
            table.add_files([path.as_uri() for path in data], snapshot_properties={VERSION: release.version})
    return target
