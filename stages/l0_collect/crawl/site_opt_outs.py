"""Drop pages that their sites do not give away today, though they were collected earlier.

| rule                                         | drops when                                                            |
|----------------------------------------------|-----------------------------------------------------------------------|
| robots_disallowed                            | robots.txt forbids the URL to `user_agent`                            |
| robots_ai, train_ai, ai_txt, tdm_reservation | a file of the site opts out of training, and `honour` names this kind |
| no_answer, not_asked                         | the host gave no answer, or the snapshot lacks it (`unknown: drop`)   |

What sites say is no part of a run, which must give the same rows again: `orefine opt-outs` asks them and writes a
snapshot, whose content counts in the recipe id. Opt-outs in pages and their headers are honoured where they are read
(`honour` of the sources `warc` and `crawl`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pipeline.rows.batch import Batch
from pipeline.steps import Filter, Judgement
from pipeline.store.shard import file_sha256
from stages.l0_collect.crawl.opt_outs import HONOURED, Honour
from stages.l0_collect.crawl.settings import product_of
from stages.l0_collect.crawl.sites import Snapshot, read_snapshot
from stages.l0_collect.crawl.urls import host_of, normalized

UNKNOWN = ("no_answer", "not_asked")


class SiteOptOuts(Filter):
    """Drop pages that robots.txt, ai.txt or tdmrep.json of their host reserve today, by a snapshot of these files.

    Rows without a URL are kept.
    """

    kind: Literal["site_opt_outs"] = "site_opt_outs"
    libraries: ClassVar[tuple[str, ...]] = ("protego", "idna")

    snapshot: str
    """File that `orefine opt-outs` wrote."""
    user_agent: str = "*"
    """The crawler whose rules in robots.txt count, such as `mybot` or CCBot; by default those for all."""
    honour: Honour = HONOURED
    unknown: Literal["keep", "drop"] = "keep"
    """What becomes of pages of hosts that gave no answer (RFC 9309 would not crawl them) or were not asked."""

    def identity(self) -> dict[str, Any]:
        """Without the snapshot's path: its content counts."""
        return self.model_dump(mode="json", exclude={"snapshot"})

    def assets(self) -> Mapping[str, str]:
        if not Path(self.snapshot).is_file():
            raise FileNotFoundError(
                f"site_opt_outs: `snapshot` names {self.snapshot}, which is no file; `orefine opt-outs` makes one"
            )
        return {"snapshot": file_sha256(Path(self.snapshot))}

    def extras(self) -> tuple[str, ...]:
        return ("crawl",)

    def resolve(self) -> Iterable[str]:
        self.assets()
        self.prepare()
        return ()

    def shows(self) -> dict[str, Any]:
        snapshot = self._read()
        return {"asked": snapshot.asked[:10], "hosts": len(snapshot)}

    def prepare(self) -> None:
        self._read()

    def judge(self, batch: Batch) -> Judgement:
        judgement, snapshot = Judgement(len(batch)), self._read()
        agent = product_of(self.user_agent) or "*"
        for row, given in enumerate(batch.column("url").to_pylist()):
            if url := normalized(given or ""):
                rule = snapshot.rule(url, host_of(url), agent, self.honour)
                if rule and (self.unknown == "drop" or rule not in UNKNOWN):
                    judgement.drop_row(row, rule)
        return judgement

    def _read(self) -> Snapshot:
        path = Path(self.snapshot)
        return read_snapshot(path, path.stat().st_mtime_ns)
