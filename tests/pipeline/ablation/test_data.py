"""Which documents an arm has, which are held out, and which a run may train on."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.ablation.data import HELDOUT_SALT, Arm, choose, hash_texts, in_slice, mix, occurrences, survey
from pipeline.ablation.files import text_files
from pipeline.ablation.heldout import cut, domains, hold_out
from pipeline.store.damage import Damaged
from pipeline.store.sealed import seal
from pipeline.store.shard import file_sha256
from tests.pipeline.ablation.helpers import sentences, words, write


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
    assert cut("中" * 5_000) == "中" * 666


def test_held_out_files_are_taken_out_of_both_arms(tmp_path: Path) -> None:
    texts = sentences(300, 1)
    arm = survey([write(tmp_path / "data.parquet", texts)])
    (held,) = domains({"baseline": arm}, [write(tmp_path / "given.parquet", texts[:20])], 10**9)
    assert (held.name, held.texts) == ("given", tuple(texts[:20]))
    free = choose(arm, "baseline", held.hashes, 10**9)
    left = {text for batch in free.texts(free.chosen) for text in batch.to_pylist()}
    assert left.isdisjoint(texts[:20])
    assert left < set(texts)


NUMBERS = pa.array([str(number) for number in range(100)])


def test_hashes_are_those_that_earlier_runs_had() -> None:
    # Who changes one of these gives every ablation another sample: then `compare.PROTOCOL` goes up.
    (digest,) = hash_texts(pa.array(["text"])).tolist()
    assert digest == int.from_bytes(hashlib.blake2b(b"text", digest_size=8).digest(), "little")
    # The first two values of the generator splitmix64 with seed 0, as its authors give them.
    step = 0x9E3779B97F4A7C15
    states = np.array([step, 2 * step % 2**64], np.uint64)
    assert mix(states).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    assert HELDOUT_SALT.to_bytes(7).decode() == "heldout"
    assert np.flatnonzero(in_slice(hash_texts(NUMBERS))).tolist() == [6, 18, 28, 64, 67, 87, 91, 96]


def test_a_repeat_has_a_key_of_its_own(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", ["ab", "ab"])])
    assert arm.keys.tolist() == mix(arm.hashes + np.array([0, 0x9E3779B97F4A7C15], np.uint64)).tolist()


def test_held_out_text_fills_its_size_and_no_more(tmp_path: Path) -> None:
    # Twenty texts of 1,000 bytes and one of 10,000, which counts as the 2,000 to which it is cut, and once.
    texts = [f"{number:04d}" * 250 for number in range(20)] + ["long" * 2_500] * 2
    arm = survey([write(tmp_path / "a.parquet", texts)])
    whole = hold_out(arm, "all", 22_000, whole=True)
    assert sorted(map(len, whole.texts)) == [1_000] * 20 + [2_000]
    assert whole.overlapping == 0
    assert len(hold_out(arm, "all", 21_999, whole=True).texts) == 20
    assert len(hold_out(arm, "all", 20_000, whole=True).texts) in (19, 20)
    order = np.argsort(mix(arm.hashes[:20] ^ np.uint64(HELDOUT_SALT)))
    eight = hold_out(survey([write(tmp_path / "b.parquet", texts[:20])]), "all", 8_000, whole=True)
    assert set(eight.texts) == {texts[row] for row in order[:8]}
    assert eight.hashes.tolist() == [arm.hashes[row] for row in sorted(order[:8])]


def test_eight_documents_are_enough_and_seven_are_not(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", [str(number) for number in range(8)])])
    domain = hold_out(arm, "given", 100, whole=True)
    assert domain.sizes.tolist() == [1] * 8
    with pytest.raises(ValueError, match=r"'given' has 7 usable documents \(1 overlap with training text\)"):
        domain.keep(np.arange(8) > 0)


def test_the_slice_is_never_chosen(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", NUMBERS.to_pylist())])
    free = choose(arm, "arm", arm.hashes[:5], 10**6)
    assert np.flatnonzero(~free.chosen).tolist() == [0, 1, 2, 3, 4, *np.flatnonzero(in_slice(arm.hashes))]
    with pytest.raises(ValueError, match=r"the baseline has no documents to train on \(100 in all\)"):
        choose(arm, "baseline", arm.hashes, 10**6)


def test_the_first_of_the_chosen_reach_over_the_size(tmp_path: Path) -> None:
    arm = survey([write(tmp_path / "a.parquet", NUMBERS.to_pylist()[10:30])])  # of two bytes each
    order = np.argsort(arm.keys)
    for size, rows in ((0, 1), (1, 1), (3, 2), (5, 3)):
        assert set(np.flatnonzero(arm.first(size))) == set(order[:rows]), size
