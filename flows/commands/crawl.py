"""`orefine crawl`: fill the folder of a recipe's crawl with sealed lots, which `orefine run` then reads."""

from __future__ import annotations

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
    require(["crawl"])
    from stages.l0_collect.crawl.crawl import crawl as fetch_all

    try:
        done = fetch_all(source, open_store(source.folder), say)
    except (ValueError, FileNotFoundError) as error:
        raise NoCrawl(f"recipe {recipe}: l0_collect.source: {error}") from None
    lines = [f"{done.why}: {done.pages:,} pages in {done.lots} lots, {done.bytes / 1e6:,.1f} MB, in {source.folder}"]
    lines += [f"  {number:>9,}  {outcome}" for outcome, number in done.outcomes.most_common()]
    lines += [f"  cut off {cut.prefix}: {cut.reason}" for cut in done.cuts]
    print_result(done.summary(), as_json, lines)
