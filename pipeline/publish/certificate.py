"""What was checked about one lot, and by what: a JSON document that anybody with the lot can verify.

A lot is the directory of one L4 level. The certificate holds nothing but what follows from the lot and the checkers:
no clock, no host. Verifying recomputes it, so a changed row, file, count or threshold shows. It does not say that a
row is right: it says which checks it passed, and `calibration` how many seeded defects those checks catch.

| key              | meaning                                                                               |
|------------------|---------------------------------------------------------------------------------------|
| format           | version of this layout                                                                |
| lot              | name of the lot: hash of its level, recipe and content                                |
| level, dataset, recipe_id, content_id, parents, versions | as in the manifest                            |
| manifest_sha256  | hash of manifest.json, which lists every file with its hash                           |
| policy           | the level's steps with all parameters                                                 |
| rows_in, certified, quarantined, refused | counts; `refused` by `checker.reason`                         |
| verdicts         | checker (`02 faithfulness`) → pass, fail, abstain over the rows that it saw           |
| calibration      | checker → kind of defect → mutants, caught, recall (`pipeline/publish/calibration.py`) |
| tools, code      | checker → what judged, with its version; hash of the code it reaches (`expiry.py`)    |
| defects          | prompt by model → rows that came, those refused by reason, whether it is over the limit  |
| people           | per lot that people judged: plan, outcome, defect rates with intervals, gold, agreement |
| prompts, models  | certified rows by prompt and by model                                                 |
| previous         | `certificate_hash` of the lot before, or null                                         |
| certificate_hash | sha256 of the canonical JSON of everything else                                       |
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from pipeline.books.accounting import AtStep
from pipeline.books.fingerprint import canonical
from pipeline.books.manifest import Manifest, content_id, load, read_rows
from pipeline.errors import shortened
from pipeline.publish.calibration import Calibratable, calibrate
from pipeline.publish.defects import defects
from pipeline.publish.expiry import code_of, expired, taken_down
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.steps import Checker
from pipeline.store.damage import Damaged
from pipeline.store.shard import stored_sha256
from pipeline.store.store import Store

FORMAT = 5
CALIBRATION_ROWS = 200  # a recall of 0.95 then has a 95 % interval of about +-0.03
Certificate = dict[str, Any]


def make(
    store: Store, directory: str, checkers: Sequence[Checker], previous: str | None = None, seed: int = 0
) -> Certificate:
    """The certificate of the level in `directory`. `checkers` are its checkers, in the order of the recipe."""
    manifest = read_manifest(store, directory)
    named = _named(manifest, checkers)
    certificate = {
        "format": FORMAT,
        "lot": content_hash(manifest.level, manifest.recipe_id, manifest.content_id),
        "manifest_sha256": hashlib.sha256(store.read(f"{directory}/manifest.json")).hexdigest(),
        **manifest.model_dump(include={"level", "dataset", "recipe_id", "content_id", "versions", "quarantined"}),
        "parents": [parent.model_dump() for parent in manifest.parents],
        "policy": manifest.steps,
        "rows_in": manifest.rows_in,
        "certified": manifest.rows_out,
        "refused": manifest.dropped,
        "verdicts": _verdicts(store, directory, manifest, named),
        "tools": {name: checker.tool() for name, checker in named.items()},
        "code": code_of(named),
        "defects": defects(manifest.groups, checkers),
        "calibration": _calibration(store, directory, manifest, checkers, seed),
        "people": _people(store, directory, manifest),
        "prompts": _counts(store, directory, manifest, "data", "prompt"),
        "models": _counts(store, directory, manifest, "data", "model"),
        "seed": seed,
        "previous": previous,
    }
    return {**certificate, "certificate_hash": certificate_hash(certificate)}


def verify(certificate: Certificate, store: Store, directory: str, checkers: Sequence[Checker]) -> list[str]:
    """What is wrong, one sentence each with what, expected and found; empty if the certificate holds.

    Checks the certificate's own hash, every file's hash and row count, recomputes all counts and calibrations, and
    runs the formal checkers again on every certified row.
    """
    findings = _compare("certificate_hash", certificate.get("certificate_hash"), certificate_hash(certificate))
    if not store.exists(f"{directory}/manifest.json"):
        return [*findings, f"{directory}/manifest.json: expected the lot's manifest, found none"]
    try:
        manifest = read_manifest(store, directory)
    except Damaged as error:
        return [*findings, str(error)]
    damaged = _damaged_files(store, directory, manifest)
    if damaged:  # what follows would only repeat it
        return findings + damaged
    findings += _compare("content_id", manifest.content_id, content_id(manifest.files))
    known = _named(manifest, checkers)
    findings += [
        f"{name}: expected a checker of the policy to verify with, found none"
        for name in certificate.get("verdicts", {})
        if name not in known
    ]
    over = expired(certificate, dict(zip(manifest.names, manifest.steps, strict=True)), known)
    if any("cannot be read" in finding for finding in over):  # so nothing can be judged again
        return findings + over
    findings += over + taken_down(store, read_rows(store, directory, manifest, "data"))
    recomputed = make(store, directory, checkers, certificate.get("previous"), certificate.get("seed", 0))
    for key in sorted(recomputed.keys() | certificate.keys()):
        if key != "certificate_hash" and not (over and key in ("tools", "code")):
            findings += _compare(key, certificate.get(key), recomputed.get(key))
    return findings + _accounting(store, directory, manifest) + _recheck(store, directory, manifest, checkers)


def certificate_hash(certificate: Certificate) -> str:
    """sha256 of the canonical JSON without the hash itself."""
    body = {key: value for key, value in certificate.items() if key != "certificate_hash"}
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def read_manifest(store: Store, directory: str) -> Manifest:
    return load(Manifest, store, f"{directory}/manifest.json")


def _named(manifest: Manifest, checkers: Sequence[Checker]) -> dict[str, Checker]:
    """The checkers by place and kind in the policy: two of one kind are two, in the order of the recipe."""
    left, found = list(checkers), {}
    for name in manifest.names:
        index = next((index for index, checker in enumerate(left) if checker.kind == name.split(" ", 1)[1]), None)
        if index is not None:
            found[name] = left.pop(index)
    return found


def _people(store: Store, directory: str, manifest: Manifest) -> list[dict[str, Any]]:
    """What people decided, less the single rows and verdicts, which lie beside the level in the files named here."""
    decisions = [(path, json.loads(store.read(f"{directory}/{path}"))) for path in manifest.paths("people")]
    return [
        {"file": path} | {name: value for name, value in decision.items() if name not in ("rows", "reviews")}
        for path, decision in decisions
    ]


def _counts(store: Store, directory: str, manifest: Manifest, role: str, column: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for rows in read_rows(store, directory, manifest, role):
        if column in rows.schema.names:
            counted.update(value or "" for value in rows.column(column).to_pylist())
    return dict(sorted(counted.items()))


def _verdicts(store: Store, directory: str, manifest: Manifest, names: Iterable[str]) -> dict[str, dict[str, int]]:
    """A row passed a checker if it was certified or lost to a later step; reasons tell fail from abstain."""
    abstained: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for rows in read_rows(store, directory, manifest, "dropped", ["step", "reason"]):
        for step, reason in zip(rows.column("step").to_pylist(), rows.column("reason").to_pylist(), strict=True):
            refused[step] += 1
            abstained[step] += reason.partition(".")[2].startswith("abstained_")
    ended = refused + Counter(_counts(store, directory, manifest, "quarantine", "step"))
    counted = {}
    for name in names:
        noted = manifest.by_step.get(name, AtStep()).changed
        skipped, kept = noted.get("skipped", 0), noted.get("kept_abstained", 0)
        stayed = manifest.rows_out + sum(rows for step, rows in ended.items() if step > name)
        counted[name] = {
            "pass": stayed - skipped - kept,
            "fail": refused[name] - abstained[name],
            "abstain": abstained[name] + kept,
        } | ({"skip": skipped} if skipped else {})
    return counted


def _calibration(
    store: Store, directory: str, manifest: Manifest, checkers: Sequence[Checker], seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    sample = _sample(store, directory, manifest, seed)
    return {
        name: calibrate(checker, sample, seed)
        for name, checker in _named(manifest, checkers).items()
        if isinstance(checker, Calibratable)
    }


def _sample(store: Store, directory: str, manifest: Manifest, seed: int) -> pa.RecordBatch:
    """Certified rows drawn by a hash of id and seed: the same whatever the files and their order."""
    drawn: list[tuple[str, dict[str, Any]]] = []
    schema = None
    for rows in read_rows(store, directory, manifest, "data"):
        schema = rows.schema
        drawn += [(content_hash(str(seed), row["id"]), row) for row in rows.to_pylist()]
        drawn = sorted(drawn, key=lambda entry: entry[0])[:CALIBRATION_ROWS]
    return pa.RecordBatch.from_pylist([row for _, row in drawn], schema or pa.schema([]))


def _damaged_files(store: Store, directory: str, manifest: Manifest) -> list[str]:
    findings = []
    for file in manifest.files:
        path = f"{directory}/{file.path}"
        found = stored_sha256(store, path) if store.exists(path) else "no such file"
        findings += _compare(f"{path}: sha256", file.sha256, found)
    return findings


def _accounting(store: Store, directory: str, manifest: Manifest) -> list[str]:
    """Counts of the manifest against the rows that lie in the files."""
    refused = _counts(store, directory, manifest, "dropped", "reason")
    quarantined = sum(_counts(store, directory, manifest, "quarantine", "step").values())
    certified = sum(rows.num_rows for rows in read_rows(store, directory, manifest, "data", ["id"]))
    fates = certified + sum(refused.values()) + quarantined
    people = _people(store, directory, manifest)
    rejected = [one["lot"] for one in people if one.get("outcome") == "rejected" and not one.get("each")]
    if certified and rejected and not any(one.get("each") for one in people):
        return [f"people: lot {rejected[0]} was rejected: expected no certified row, found {certified}"]
    return [
        *_compare("data: rows", manifest.rows_out, certified),
        *_compare("dropped: rows by reason", manifest.dropped, refused),
        *_compare("quarantine: rows", manifest.quarantined, quarantined),
        *_compare("rows in and made", manifest.rows_in + manifest.rows_made, fates),
    ]


def _recheck(store: Store, directory: str, manifest: Manifest, checkers: Sequence[Checker]) -> list[str]:
    """Run the formal checkers again on every certified row and compare with the stored verdicts."""
    policy = dict(zip(manifest.names, manifest.steps, strict=True))
    findings, before = [], Counter[str]()
    for name, checker in _named(manifest, checkers).items():
        number = before[checker.kind]  # of the checkers of this kind: their verdicts stand in the order of the policy
        before[checker.kind] += 1
        if checker.means != "formal":
            continue
        used = checker.identity() | {"assets": dict(checker.assets())}
        findings += _compare(f"policy of {name}", policy[name], used)
        checker.prepare()
        for rows in read_rows(store, directory, manifest, "data"):
            chosen = checker.chosen(rows)
            verdicts = checker.check(Batch(rows.take(pa.array(chosen, pa.int64()))))
            now = dict(zip(chosen, checker.entries(verdicts), strict=True))
            ids, stored = rows.column("id").to_pylist(), rows.column("verdicts").to_pylist()
            for row, (document, entries) in enumerate(zip(ids, stored, strict=True)):
                known = [entry for entry in json.loads(entries or "[]") if entry["checker"] == checker.kind]
                then = known[number] if len(known) > number else None
                entry = json.loads(json.dumps(now.get(row, checker.skipped())))
                findings += _compare(f"row {document}: verdict of {name}", then, entry)
                may_stay = {"pass", "skip", *(["abstain"] if checker.on_abstain == "keep" else [])}
                if entry["verdict"] not in may_stay:
                    findings.append(f"row {document}: expected to pass {name}, found {entry['verdict']}")
    return findings


def _compare(what: str, expected: object, found: object) -> list[str]:
    return [] if expected == found else [f"{what}: expected {_short(expected)}, found {_short(found)}"]


def _short(value: object) -> str:
    return shortened(value if isinstance(value, str) else canonical(value), 200)
