"""JSON files that carry their checksum: every changed byte is seen."""

import json
from pathlib import Path

import pytest

from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from pipeline.store.sealed import read_sealed, seal

TEXT = b'{\n "latest": "a",\n "rows": 100\n}\n'


def test_a_sealed_object_is_plain_json_and_comes_back_as_it_was(tmp_path: Path):
    (tmp_path / "toy.json").write_bytes(seal(TEXT))
    assert json.loads(seal(TEXT)).keys() == {"checksum", "latest", "rows"}
    assert read_sealed(LocalStore(tmp_path), "toy.json") == TEXT


@pytest.mark.parametrize("bit", [1, 32])
def test_every_changed_byte_is_seen(tmp_path: Path, bit: int):
    store, data = LocalStore(tmp_path), seal(TEXT)
    for place in range(len(data)):
        store.replace("refs/toy.json", data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        with pytest.raises(Damaged, match=r"refs/toy\.json is damaged: .*; restore it, or remove it: the next run"):
            read_sealed(store, "refs/toy.json")


@pytest.mark.parametrize("data", [TEXT, b"", seal(TEXT)[:-1], seal(TEXT) + b" ", json.dumps(json.loads(TEXT)).encode()])
def test_what_was_not_sealed_or_is_not_whole_is_refused(tmp_path: Path, data: bytes):
    (tmp_path / "toy.json").write_bytes(data)
    with pytest.raises(Damaged, match="checksum"):
        read_sealed(LocalStore(tmp_path), "toy.json")


def test_only_an_object_over_several_lines_can_be_sealed():
    with pytest.raises(ValueError, match="JSON object"):
        seal(b"[1]")
