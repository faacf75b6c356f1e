"""Commands that look at what is in a store: show, explain, verify, export, ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json, Ref, StoreOption, finish_check, print_result

WAYS_ON = {
    "leased": "somebody is at it; a dead owner's lease ends by itself within a minute",
    "failed": "mend the cause and run the same command again; what is finished is kept",
    "waiting": "when that is done, run the same command again",
}

SUPERSEDED = "{} was published since; run the same command again if this is still wanted, else `orefine gc` removes it"


def show(
    ref: Annotated[str | None, typer.Argument(help="dataset, dataset@tag or dataset@version; without: all.")] = None,
    store: StoreOption = "store",
    runs: Annotated[bool, typer.Option("--runs", help="What is being made, has failed, or waits for people.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the runs that go on, until none does.")] = False,
    as_json: Json = False,
) -> None:
    """What is in a store: data sets and versions, one version with its funnel, or what is not done."""
    if runs:
        _show_runs(store, ref, as_json)
        return
    if watch:
        _watch(store, ref, as_json)
        return
    from pipeline.publish.release import datasets, load_release, resolve
    from pipeline.report.funnel import funnel_lines
    from pipeline.store.store import open_store

    place = open_store(store)
    if ref is None:
        known = datasets(place)
        lines = [f"{name}: latest {refs.latest}, {len(refs.history)} versions" for name, refs in known.items()]
        print_result({name: refs.model_dump() for name, refs in known.items()}, as_json, lines or ["no data sets yet"])
        return
    directory = resolve(place, ref)
    release = load_release(place, directory)
    lines = [f"{release.dataset} {release.version}: {release.rows:,} rows in {place.shown(directory)}"]
    lines += funnel_lines(release.funnel)
    print_result(release.model_dump(mode="json") | {"path": place.shown(directory)}, as_json, lines)


def _watch(store: str, ref: str | None, as_json: bool) -> None:
    from flows.runs.live import watch
    from pipeline.store.store import open_store

    if ref is not None:
        raise typer.BadParameter(f"'{ref}': --watch follows the whole store; leave it out", param_hint="REF")
    is_any = False
    for said in watch(open_store(store)):
        is_any = True
        print(said.model_dump_json() if as_json else said.line(), flush=True)
    if not is_any:
        print_result({}, as_json, ["nothing is running"])


def _show_runs(store: str, ref: str | None, as_json: bool) -> None:
    from pipeline.store.artifact import unfinished
    from pipeline.store.store import open_store

    if ref is not None:
        raise typer.BadParameter(f"'{ref}': --runs shows the whole store; leave it out", param_hint="REF")
    entries, lines = [], []
    for key, state in unfinished(open_store(store)).items():
        last = state.attempts[-1] if state.attempts else None
        about = {
            "leased": f"by {last.owner} since {last.started:%Y-%m-%d %H:%M:%S} UTC" if last else "",
            "failed": f"{len(state.attempts)} attempts, the last: {state.error}",
            "waiting": state.note,
        }[state.name]
        way_on = SUPERSEDED.format(state.superseded) if state.superseded else WAYS_ON[state.name]
        entries.append(state.model_dump(mode="json") | {"key": key, "state": state.name, "way_on": way_on})
        lines += [f"{state.name:<8} {key}", f"{'':<8} {about}", f"{'':<8} → {way_on}"]
    print_result({"unfinished": entries}, as_json, lines or ["nothing is leased, failed or waiting"])


def explain(
    name: Annotated[str, typer.Argument(metavar="ID_OR_URL", help="A url, an id, or its first six digits or more.")],
    store: StoreOption = "store",
    ref: Annotated[str | None, typer.Option("--ref", help="Only in this version: dataset, dataset@version.")] = None,
    as_json: Json = False,
) -> None:
    """Why one document was kept or dropped, each measured value against its threshold."""
    from flows.commands.explain import explain_lines, trace
    from pipeline.publish.release import UnknownRef
    from pipeline.store.store import open_store

    rows = trace(open_store(store), name, ref)
    if not rows:
        way_on = "give an id, six or more of its first digits, or the exact url of a document"
        raise UnknownRef(f"no level in {store} knows '{name}'; {way_on}")
    print_result(rows, as_json, explain_lines(rows))


def verify(
    ref: Annotated[
        str, typer.Argument(metavar="REF|FOLDER", help="A version of the store, or a folder that `export` wrote.")
    ],
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Compute again what a release and the levels behind it state, and list what differs or does not belong."""
    from pipeline.publish.release import UnknownRef, resolve
    from pipeline.publish.verify import removed_since, verify_release
    from pipeline.publish.verify_copy import is_copy, verify_copy
    from pipeline.store.store import open_store

    folder = Path(ref)
    if is_copy(folder):
        finish_check(verify_copy(folder), str(folder.absolute()), as_json)
        return
    if ref.startswith((".", "/", "~")) or folder.is_dir():
        raise UnknownRef(f"{folder.absolute()} is no folder that `orefine export` wrote, and no version of a store")
    place = open_store(store)
    directory = resolve(place, ref)
    findings = verify_release(place, directory)
    removed = removed_since(place, directory) if not findings else []
    finish_check(findings, place.shown(directory), as_json, removed)


def export(
    ref: Ref,
    to: Annotated[Path, typer.Option("--to", help="Folder to write.")],
    format: Annotated[
        str, typer.Option("--format", help="hf, croissant (with metadata), iceberg or megatron (tokens).")
    ] = "hf",
    tokenizer: Annotated[Path | None, typer.Option(help="For megatron: a tokenizer.json.")] = None,
    end: Annotated[str, typer.Option(help="For megatron: the token that ends a document.")] = "<|endoftext|>",
    store: StoreOption = "store",
) -> None:
    """Copy a release out of the store in the form that other tools take."""
    from pipeline.publish.export import export_croissant, export_hf
    from pipeline.publish.iceberg import export_iceberg
    from pipeline.publish.release import resolve
    from pipeline.store.store import open_store

    forms = {"hf": export_hf, "croissant": export_croissant, "iceberg": export_iceberg}
    if format not in (*forms, "megatron"):
        names = ", ".join(forms)
        raise typer.BadParameter(f"'{format}' is not built yet; give {names} or megatron", param_hint="--format")
    if (format == "megatron") != (tokenizer is not None):
        raise typer.BadParameter("--format megatron and --tokenizer belong together", param_hint="--tokenizer")
    place = open_store(store)
    directory = resolve(place, ref)
    if tokenizer is not None:
        from flows.runs.export_tokens import export_megatron
        from pipeline.steps.extras import require

        require(["ablation"])
        print(export_megatron(place.shown(directory), tokenizer, end, to))
        return
    print(forms[format](place, directory, to))


def ledger(
    store: StoreOption = "store",
    prompt: Annotated[str | None, typer.Option(help="Only replies to this prompt, such as rephrase@1.")] = None,
    model: Annotated[str | None, typer.Option(help="Only replies of this model, as the list names it.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Take them out: the next run asks for them again.")] = False,
    as_json: Json = False,
) -> None:
    """Replies of language models that a store keeps, by prompt and model."""
    from collections import Counter

    from pipeline.run.ledger import Ledger
    from pipeline.steps import Reply
    from pipeline.store.store import open_store

    def is_meant(reply: Reply) -> bool:
        return prompt in (None, reply.prompt) and model in (None, reply.model)

    kept = Ledger(open_store(store))
    if prune:
        if prompt is None and model is None:
            raise typer.BadParameter("say which replies: give --prompt, --model or both", param_hint="--prune")
        gone = kept.prune(is_meant)
        print_result({"pruned": gone}, as_json, [f"{gone:,} replies taken out"])
        return
    groups: dict[tuple[str, str], Counter[str]] = {}
    for reply in filter(is_meant, kept.replies()):
        counts = groups.setdefault((reply.prompt, reply.model), Counter())
        counts.update({"replies": 1, "prompt_tokens": reply.prompt_tokens, "cached_tokens": reply.cached_tokens})
        counts.update({"completion_tokens": reply.completion_tokens, reply.finish_reason: 1})
    entries = [{"prompt": name, "model": by, **counts} for (name, by), counts in sorted(groups.items())]
    lines = [
        f"{entry['prompt']} by {entry['model']}: {entry['replies']:,} replies, {entry['completion_tokens']:,} tokens, "
        f"{entry.get('length', 0):,} cut by their limit"
        for entry in entries
    ]
    print_result({"replies": entries}, as_json, lines or ["no replies yet"])
