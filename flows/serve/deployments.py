"""What the service asks of a Prefect server: deployments, alerts, and what became of runs whose process is gone.

The manifest decides what is done; everything here is for people to look at and for the clock. Imported late, after
PREFECT_API_URL and PREFECT_HOME are set, since Prefect reads them when it is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.events import emit_event
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from flows.refine import ON, PUBLISHED, refine  # sets Prefect's environment before Prefect is imported
from flows.runs.recipe import RecipeError
from flows.serve.settings import Deployment, Service, seconds
from pipeline.store.temporary import is_dead_here

POOL, TAG = "orefine", "orefine"
LIVE = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
CUT_OFF = "orefine.run.cut-off"
EVENTS = {
    "failed": {"prefect.flow-run.Failed"},
    "crashed": {"prefect.flow-run.Crashed", CUT_OFF},
    "published": {PUBLISHED},
}
GONE = "its process was killed, or the service that ran it was stopped; finished shards are kept"


def register(service: Service) -> dict[str, Any]:
    """Make the work pool and the deployments what the file says; deployment → its id."""
    with get_client(sync_client=True) as client:
        try:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template))
        except ObjectAlreadyExists:
            pass
        made = {one.name: _deployment(one).apply(work_pool_name=POOL) for one in service.deployments}
        _forget_others(client, set(made))
        _alert(service, client)
    return made


def check_schedules(service: Service) -> None:
    """RecipeError for a `cron` that is none; before a server is started."""
    for one in service.deployments:
        try:
            _deployment(one)
        except ValueError as error:
            said = " ".join(str(error).split())
            raise RecipeError(f"deployment '{one.name}': cron '{one.cron}' is no schedule: {said}") from None


def _deployment(one: Deployment) -> RunnerDeployment:
    """One run at a time: a run that is due while another goes on is cancelled, and the next one takes its input."""
    schedule: dict[str, Any] = {}
    if one.every:
        schedule = {"interval": timedelta(seconds=seconds(one.every))}
    elif one.cron:
        schedule = {"cron": one.cron}
    made = refine.to_deployment(
        one.name,
        **schedule,
        parameters=one.parameters(),
        tags=[TAG],
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        entrypoint_type=EntrypointType.MODULE_PATH,  # the worker finds it wherever Orefine is installed
    )
    assert isinstance(made, RunnerDeployment)  # a coroutine only where a loop runs
    return made


def _forget_others(client: SyncPrefectClient, names: set[str]) -> None:
    """Take out deployments of the pool that the file does not name any more; their runs stay to be looked at."""
    for known in client.read_deployments():
        if known.work_pool_name == POOL and TAG in known.tags and known.name not in names:
            client.delete_deployment(known.id)


def _alert(service: Service, client: SyncPrefectClient) -> None:
    """An automation per address: the server itself tells, also of runs whose process could not."""
    for known in client.read_automations():
        if known.name.startswith(f"{TAG}-"):
            client.delete_automation(known.id)
    targets = []
    for number, address in enumerate(service.webhooks):
        block = CustomWebhookNotificationBlock(
            name=f"{TAG}-{number}", url=address, json_data={"subject": "{{subject}}", "body": "{{body}}"}
        )
        targets.append(block.save(f"{TAG}-{number}", overwrite=True))
    targets += [_block(client, name) for name in service.blocks]
    for number, target in enumerate(targets):
        for what in service.tell:
            Automation(
                name=f"{TAG}-{what}-{number}",
                trigger=_trigger(what),
                actions=[SendNotification(block_document_id=target, subject=f"orefine: {what}", body=_body(what))],
            ).create()


def _block(client: SyncPrefectClient, name: str) -> Any:
    kind, _, rest = name.partition("/")
    try:
        return client.read_block_document_by_name(rest, kind).id
    except ObjectNotFound:
        raise RecipeError(
            f"block '{name}' is not known to Prefect; make it on its page Blocks, and name it here as type/name"
        ) from None


def _trigger(what: str) -> EventTrigger:
    of_ours = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
    return EventTrigger(
        expect=EVENTS[what],
        match_related={} if what == "published" else of_ours,
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )


def _body(what: str) -> str:
    if what == "published":
        return "{{ event.resource['orefine.dataset'] }} {{ event.resource['orefine.version'] }} is published"
    if what == "crashed":
        told = "{% if event.payload.text %}{{ event.payload.text }}{% else %}"
        return told + _body("failed") + "{% endif %}"
    return "{{ deployment.name }}, run {{ flow_run.name }}: {{ flow_run.state.name }}. {{ flow_run.state.message }}"


def mark_dead(deployments: Mapping[str, str], all_of_them: bool) -> list[str]:
    """Mark runs whose process is gone as crashed, and tell of them; the ids of their deployments.

    `deployments`: id → name. `all_of_them`: the server is ours, and so was every process; else only those that this
    machine knows are gone.
    """
    crashed: dict[str, None] = {}
    with get_client(sync_client=True) as client:
        for run in _runs(client, [*deployments], LIVE):
            if all_of_them or _is_dead_here(run):
                # A name of its own: the server holds an event `Crashed` back for 15 minutes, since it does not
                # remember the one before it, from another process's time.
                client.set_flow_run_state(run.id, Crashed(name="Crashed, cut off", message=GONE))
                name = deployments[str(run.deployment_id)]
                emit_event(
                    CUT_OFF,
                    resource={"prefect.resource.id": f"orefine.deployment.{name}"},
                    related=[{"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}],
                    payload={"text": f"{name}, run {run.name}: {GONE}"},
                )
                crashed[str(run.deployment_id)] = None
    return [*crashed]


def _is_dead_here(run: FlowRun) -> bool:
    """By the tag that the run gives itself (`flows.refine`)."""
    places = [tag.removeprefix(ON).rpartition(":") for tag in run.tags if tag.startswith(ON)]
    return any(process.isdigit() and is_dead_here(host, int(process)) for host, _, process in places)


def _runs(client: SyncPrefectClient, ids: Sequence[str], states: Sequence[StateType]) -> list[FlowRun]:
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[UUID(one) for one in ids])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=[*states]))),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


def drop_missed(deployments: Mapping[str, str]) -> list[str]:
    """Take out the runs that were due while nobody was there, and return their deployments: one run catches up."""
    missed: dict[str, None] = {}
    with get_client(sync_client=True) as client:
        for run in _runs(client, [*deployments], (StateType.SCHEDULED,)):
            if run.expected_start_time and run.expected_start_time < datetime.now(UTC):
                client.delete_flow_run(run.id)
                missed[str(run.deployment_id)] = None
    return [*missed]


def run_again(ids: Sequence[str]) -> None:
    """Start what was cut off: the core finds the finished shards by their names."""
    with get_client(sync_client=True) as client:
        for one in ids:
            client.create_flow_run_from_deployment(UUID(one), tags=[TAG, "resumed"])
