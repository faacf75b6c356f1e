"""Refuses a level without rows, and input files of which nothing could be read: seldom what anybody wants published.

Like the alarm it looks at what was counted and is no part of the recipe id: a run that it stopped goes on where it was
with `allow_empty: true`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.books.accounting import Counts, total
from pipeline.books.manifest import Manifest, ShardRecord

NAMED = 3
"""Files and reasons named in the message."""
WAY_ON = "set `allow_empty: true` in the recipe (or --set allow_empty=true): what is done is kept"


def no_rows(manifest: Manifest) -> str:
    """Where the rows went, if none is left; else empty."""
    if manifest.rows_out:
        return ""
    if not manifest.rows_in:
        return f"{manifest.level}: no row came in, so nothing was published. Give it input, or {WAY_ON}"
    reasons = sorted(manifest.dropped.items(), key=lambda item: (-item[1], item[0]))
    fates = [f"{name} dropped {rows:,}" for name, rows in reasons[:NAMED]]
    fates += [f"{len(reasons) - NAMED} more reasons"] if len(reasons) > NAMED else []
    fates += [f"{manifest.quarantined:,} are in quarantine"] if manifest.quarantined else []
    return (
        f"{manifest.level}: none of {manifest.rows_in:,} rows is left ({', '.join(fates)}), so nothing was published. "
        f"Change the step that drops them, or {WAY_ON}"
    )


def unreadable_files(manifest: Manifest, records: Sequence[ShardRecord]) -> str:
    """The input files of which every row ended in quarantine; empty if there is none."""
    by_file: dict[str, list[Counts]] = {}
    for record in records:
        by_file.setdefault(record.input["sha256"], []).append(record.counts)
    read = {name: total(counts) for name, counts in by_file.items()}
    bad = [
        file["path"]
        for file in manifest.inputs
        if (counts := read.get(file["sha256"])) and 0 < counts.rows_in == counts.quarantined
    ]
    if not bad:
        return ""
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return (
        f"{manifest.level}: nothing could be read of {', '.join(bad[:NAMED])}{more} ({len(bad)} of "
        f"{len(manifest.inputs)} input files), so nothing was published. Mend them, leave them out, or {WAY_ON}"
    )
