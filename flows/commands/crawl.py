"""`orefine crawl` fills the folder of a recipe's crawl with sealed lots; `orefine opt-outs` asks sites of old pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json, print_result, say
from pipeline.errors import UsageError


class NoCrawl(UsageError):
    """A recipe that crawls nothing, or does not say enough."""


def crawl(
    recipe: Annotated[str, typer.Argument(help="YAML file or name of a recipe whose source is `crawl`.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="dotted.key=value over the recipe; repeatable.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=1000, help="Each asks hosts of its own.")] = 1,
    runner: Annotated[str, typer.Option("--runner", help="Of several workers: ray, or inline, one by one.")] = "ray",
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="An existing cluster (host:port or auto); else one is started.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch pages politely into sealed WARC lots; go on where an earlier crawl was cut off."""
    from flows.runs.recipe import load_recipe
    from pipeline.steps.extras import require
    from pipeline.store.store import open_store
    from stages.l0_collect.crawl.source import CrawlSource

    source = load_recipe(recipe, settings=settings or ()).l0_collect.source
    if not isinstance(source, CrawlSource):
        raise NoCrawl(f"recipe {recipe}: its source is `{source.kind}`; `orefine crawl` needs one of kind `crawl`")
    if problems := source.problems():
        raise NoCrawl(f"recipe {recipe}: l0_collect.source: " + "; ".join(problems))
    require(["crawl"] + ["ray"] * (workers > 1 and runner == "ray"))
    from pipeline.run.runners import open_runner
    from stages.l0_collect.crawl.crawl import crawl as fetch_all
    from stages.l0_collect.crawl.workers import crawl_together

    store = open_store(source.folder)
    try:
        if workers == 1:
            done = fetch_all(source, store, say)
        else:
            done = crawl_together(source, store, open_runner(runner, ray_address, workers), workers, say)
    except (ValueError, FileNotFoundError) as error:
        raise NoCrawl(f"recipe {recipe}: l0_collect.source: {error}") from None
    lines = [f"{done.why}: {done.pages:,} pages in {done.lots} lots, {done.bytes / 1e6:,.1f} MB, in {source.folder}"]
    lines += [f"  {number:>9,}  {outcome}" for outcome, number in done.outcomes.most_common()]
    lines += [f"  {done.altered:>9,}  of them altered copies of others"] * bool(done.altered)
    lines += [f"  cut off {cut.prefix}: {cut.reason}" for cut in done.cuts]
    print_result(done.summary(), as_json, lines)


def opt_outs(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders or patterns of Parquet, JSONL or WARC.")],
    to: Annotated[Path, typer.Option("--to", help="File of the snapshot, for the step `site_opt_outs`.")],
    user_agent: Annotated[str, typer.Option("--user-agent", help="name/version (+https://… or mail): who is asking.")],
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=1000, help="Hosts asked at once.")] = 64,
    allow_networks: Annotated[
        list[str] | None, typer.Option("--allow-network", help="A private network that may be asked; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask the sites of pages collected earlier for robots.txt, ai.txt and tdmrep.json as they are today."""
    from pipeline.steps.extras import require

    require(["crawl"])
    from stages.l0_collect.crawl.settings import CrawlSettings
    from stages.l0_collect.crawl.sites import write_snapshot
    from stages.l0_collect.crawl.survey import hosts_of, survey

    try:
        settings = CrawlSettings(
            folder=str(to.parent), seeds=("http://asked.invalid/",), user_agent=user_agent, parallel=parallel,
            allow_networks=tuple(allow_networks or ()),
        )  # fmt: skip
    except ValueError as error:
        raise NoCrawl(str(error)) from None
    if problems := settings.problems():
        raise NoCrawl("; ".join(problems))
    if not to.parent.is_dir():
        raise NoCrawl(f"--to: the folder {to.parent} does not exist; make it first")
    hosts = hosts_of(_urls(inputs))
    if not hosts:
        raise NoCrawl("no row of the input has an http or https URL in its column `url`, so there is no site to ask")
    say(f"asking {len(hosts):,} hosts")
    sites = survey(hosts, settings, say)
    write_snapshot(to, sites)
    silent = sum(bool(site.refusal) for site in sites)
    result = {"snapshot": str(to), "hosts": len(sites), "without_answer": silent}
    print_result(result, as_json, [f"{to}: {len(sites):,} hosts, {silent:,} of them without an answer"])


def _urls(inputs: Sequence[str]) -> Iterator[str]:
    """The URLs of all rows."""
    from stages import l0_collect
    from stages.l0_collect.readers.jsonl import JsonlSource
    from stages.l0_collect.readers.parquet import ParquetSource
    from stages.l0_collect.readers.warc import WarcSource

    sources = {"parquet": ParquetSource(), "jsonl": JsonlSource(), "warc": WarcSource()}
    try:
        files = l0_collect.expand(inputs)
    except (ValueError, FileNotFoundError) as error:
        raise NoCrawl(str(error)) from None
    for file in files:
        source = sources.get(l0_collect.kind_for(file) or "")
        if source is None:
            raise NoCrawl(f"{file}: its name does not end like Parquet, JSONL or WARC, which have URLs")
        for unit in source.units(file, ""):
            for batch in source.read(unit):
                if "url" in batch.rows.schema.names:
                    yield from (url for url in batch.rows.column("url").to_pylist() if url)
