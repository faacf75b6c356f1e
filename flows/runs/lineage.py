"""OpenLineage: a START and a COMPLETE or FAIL of each level, with rows, bytes and columns, for catalogues of lineage.

On where OpenLineage's own settings say where events go, such as `OPENLINEAGE_URL`, or for a file
`OPENLINEAGE__TRANSPORT__TYPE=file` and `OPENLINEAGE__TRANSPORT__LOG_FILE_PATH`. A level that was found is told as
complete too: lineage asks what a version is made of, not what was work. A backend that does not answer ends no run.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.run.level import Finished, InputFile
from pipeline.steps.extras import require
from pipeline.store.shard import FileEntry

if TYPE_CHECKING:
    from flows.runs.run import Run

PRODUCER = "https://pypi.org/project/orefine/"
NAMESPACE = uuid.UUID("5b0f2f43-8a0e-4d2a-9d0e-0f8d7a5f6c11")
"""For run ids of ours as UUIDs."""


def is_on() -> bool:
    """Whether any setting of OpenLineage is there."""
    return any(name.startswith("OPENLINEAGE_") and value for name, value in os.environ.items())


@contextlib.contextmanager
def told(run: Run, dataset: str, level: str, inputs: Sequence[InputFile], parent: Finished | None) -> Iterator[Any]:
    """Tell of a level: START now, and its end when this is left. Yields what to call with the finished level."""
    if not is_on():
        yield lambda finished: None
        return
    require(["lineage"])
    teller = _Teller(run, dataset, level)
    read = [_Teller.file(one) for one in inputs] if parent is None else [teller.level(parent)]
    teller.tell("START", read, [])
    ended: list[Finished] = []
    try:
        yield ended.append
    except BaseException as error:
        teller.tell("FAIL", read, [], error)
        raise
    for finished in ended:
        teller.tell("COMPLETE", read, [teller.level(finished, is_output=True)])


class _Teller:
    """The events of one level of one run."""

    def __init__(self, run: Run, dataset: str, level: str) -> None:
        from openlineage.client import OpenLineageClient

        self._run, self._dataset, self._level = run, dataset, level
        self._client = OpenLineageClient()
        self._id = str(uuid.uuid5(NAMESPACE, f"{run.run_id}/{level}"))

    def tell(self, what: str, inputs: list[Any], outputs: list[Any], error: BaseException | None = None) -> None:
        from openlineage.client.event_v2 import Job, RunEvent, RunState
        from openlineage.client.event_v2 import Run as OfRun
        from openlineage.client.facet_v2 import error_message_run, parent_run

        place = self._run.store.root
        above = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=str(uuid.uuid5(NAMESPACE, self._run.run_id))),
            job=parent_run.Job(namespace=place, name=self._dataset),
        )
        facets: dict[str, Any] = {"parent": above}
        if error is not None:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message=" ".join(str(error).split())[:500], programmingLanguage="python"
            )
        event = RunEvent(
            eventType=RunState[what], eventTime=datetime.now(UTC).isoformat(), producer=PRODUCER,
            run=OfRun(runId=self._id, facets=facets),
            job=Job(namespace=place, name=f"{self._dataset}.{self._level}"), inputs=inputs, outputs=outputs,
        )  # fmt: skip
        try:
            self._client.emit(event)
        except Exception as fault:  # of the backend, which is no part of the run
            self._run.say(f"lineage: {what} of {self._level} was not taken: {' '.join(str(fault).split())[:200]}")

    def level(self, level: Finished, is_output: bool = False) -> Any:
        """A level as a data set, by its folder."""
        from openlineage.client.event_v2 import InputDataset, OutputDataset
        from openlineage.client.facet_v2 import (
            dataset_version_dataset,
            input_statistics_input_dataset,
            output_statistics_output_dataset,
        )

        data: list[FileEntry] = level.manifest.of("data")
        counted: dict[str, Any] = {
            "rowCount": level.manifest.rows_out, "size": sum(file.bytes for file in data), "fileCount": len(data)
        }  # fmt: skip
        version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=level.manifest.content_id)
        named: dict[str, Any] = {
            "namespace": self._run.store.root, "name": level.directory, "facets": {"version": version}
        }  # fmt: skip
        if is_output:
            rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(**counted)
            return OutputDataset(**named, outputFacets={"outputStatistics": rows})
        seen = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(**counted)
        return InputDataset(**named, inputFacets={"inputStatistics": seen})

    @staticmethod
    def file(file: InputFile) -> Any:
        """An input file, in the name space that OpenLineage gives its kind."""
        from openlineage.client.event_v2 import InputDataset

        scheme, separator, rest = file.path.partition("://")
        if not separator:
            return InputDataset(namespace="file", name=os.path.abspath(file.path))
        host, _, name = rest.partition("/")
        return InputDataset(namespace=f"{scheme}://{host}", name=name)
