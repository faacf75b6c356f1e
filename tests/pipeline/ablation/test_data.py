import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ablation.data import Arm, choose, cut, domains, occurrences, survey, text_files
from pipeline.ablation.overlap import WINDOW, hash_windows, without_overlap
from pipeline.store.damage import Damaged
from pipeline.store.sealed import seal
from pipeline.store.shard import file_sha256


def write(path: Path, texts: list[str | None], column: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: texts}), path)
    return path


def words(count: int, seed: int) -> str:
    return " ".join(f"w{random.Random(f'{seed}-{i}').randrange(10**9)}" for i in range(count))


def test_text_files_finds_data_but_not_what_was_dropped(tmp_path: Path) -> None:
    kept = write(tmp_path / "level" / "data" / "part-00000.parquet", ["a"])
    write(tmp_path / "level" / "dropped" / "part-00000.parquet", ["b"])
    manifest = tmp_path / "level" / "manifest.json"
    files = [
        {"role": role, "path": f"{role}/part-00000.parquet", "rows": 1, "bytes": 1, "sha256": file_sha256(kept)}
        for role in ("data", "dropped")
    ]
    manifest.write_bytes(seal(json.dumps({"files": files}, indent=1).encode()))
    assert (
        text_files(tmp_path / "level") == text_files(manifest) == text_files(kept) == text_files(kept.parent) == [kept]
    )


def test_a_changed_byte_of_a_listed_file_is_seen(tmp_path: Path) -> None:
    kept = write(tmp_path / "level" / "data" / "part-00000.parquet", ["a"])
    entry = {"role": "data", "path": "data/part-00000.parquet", "rows": 1, "bytes": 1, "sha256": file_sha256(kept)}
    (tmp_path / "level" / "manifest.json").write_bytes(seal(json.dumps({"files": [entry]}, indent=1).encode()))
    kept.write_bytes(kept.read_bytes().replace(b"text", b"tent"))
    with pytest.raises(Damaged, match=r"part-00000\.parquet is damaged: its sha256 is .*; restore it"):
        text_files(tmp_path / "level")


def test_text_files_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no Parquet data at .*; give a Parquet file"):
        text_files(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nothing\.parquet"):
        text_files(tmp_path / "nothing.parquet")


def test_a_file_without_a_text_column_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the columns body; an ablation needs one named text or content"):
        survey([write(tmp_path / "a.parquet", ["x"], "body")])


def test_survey_skips_empty_texts_and_counts_bytes(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", ["ab", None, "", "中", "ab"])])
    assert arm.sizes.tolist() == [2, 3, 2]
    assert arm.hashes[0] == arm.hashes[2]
    assert len(set(arm.keys.tolist())) == 3


def test_the_choice_does_not_depend_on_how_the_text_is_cut_into_files(tmp_path: Path) -> None:
    texts: list[str | None] = [words(20, seed) for seed in range(100)]
    one = survey([write(tmp_path / "one.parquet", texts)])
    two = survey([write(tmp_path / "b.parquet", texts[60:]), write(tmp_path / "a.parquet", texts[:60])])

    def chosen(arm: Arm) -> set[str]:
        sample = choose(arm, "arm", np.zeros(0, np.uint64), 5_000)
        return {text for batch in sample.texts(sample.chosen) for text in batch.to_pylist()}

    assert chosen(one) == chosen(two)
    assert 5_000 <= sum(map(len, chosen(one))) < 5_000 + 20 * 11
    everything = np.zeros(0, np.uint64)
    assert choose(one, "arm", everything, 5_000).identity == choose(two, "arm", everything, 5_000).identity


def test_occurrences_count_earlier_equals() -> None:
    assert occurrences(np.array([7, 5, 7, 7, 5], np.uint64)).tolist() == [0, 0, 1, 2, 1]
    assert occurrences(np.zeros(0, np.uint64)).tolist() == []


def test_too_small_an_arm_is_refused(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", [words(20, seed) for seed in range(20)])])
    with pytest.raises(ValueError, match=r"the held-out domain 'baseline' has \d usable documents .* it needs 8"):
        domains({"baseline": arm}, (), 10**6)


def test_held_out_paths_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rename one"):
        domains({}, [tmp_path / "a" / "x.parquet", tmp_path / "b" / "x.parquet"], 10**6)


def test_a_long_held_out_text_is_cut_between_characters() -> None:
    assert cut("中" * 5_000) == "中" * 2_666


def test_held_out_copies_of_training_text_are_left_out(tmp_path: Path) -> None:
    texts = [words(60, seed) for seed in range(12)]
    # One training text is a held-out one in capitals, with a new beginning; another shares 15 of its 60 words.
    copied = "a new title " + texts[0].upper()
    quoting = words(60, 99) + " " + " ".join(texts[1].split()[:15])
    arms = {"baseline": survey([write(tmp_path / "b.parquet", [copied])])}
    arms["candidate"] = survey([write(tmp_path / "c.parquet", [quoting])])
    held = domains(arms, [write(tmp_path / "held.parquet", texts)], 10**6)
    (left,) = without_overlap(held, arms.values())
    assert left.texts == tuple(texts[1:])
    assert left.overlapping == 1
    assert len(left.hashes) == 11


def windows_of(text: str) -> list[tuple[str, ...]]:
    """The plain rule: runs of letters and digits, each CJK character alone, in windows of 13."""
    found, word = [], ""
    for character in text + " ":
        alone = 0xE3 <= character.encode()[0] <= 0xED
        inside = not alone and (not character.isascii() or character.isalnum())
        if not inside and word:
            found.append(word)
            word = ""
        if alone:
            found.append(character)
        elif inside:
            word += character.lower() if character.isascii() else character
    return [tuple(found[i : i + WINDOW]) for i in range(len(found) - WINDOW + 1)]


def test_window_hashes_agree_with_the_plain_rule() -> None:
    choice = random.Random(0)
    texts = ["".join(choice.choices("aB1 ,.é中文\n", k=choice.randrange(200))) for _ in range(50)]
    texts += ["x " * 40, "X, " * 40, "", "中" * 20]
    hashes, rows = hash_windows(pa.array(["skipped", *texts], pa.string()).slice(1))
    expected = [(row, window) for row, text in enumerate(texts) for window in windows_of(text)]
    assert rows.tolist() == [row for row, _ in expected]
    assert len(set(zip(hashes.tolist(), (window for _, window in expected), strict=True))) == len(set(hashes.tolist()))
    assert len(set(hashes.tolist())) == len({window for _, window in expected})
