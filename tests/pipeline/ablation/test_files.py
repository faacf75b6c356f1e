"""Where the files of a version lie, and what is said where they do not."""

from pathlib import Path

import pytest

from pipeline.ablation import files as module
from pipeline.ablation.files import text_files
from pipeline.store.store import open_store
from tests.pipeline.publish.helpers import levels
from tests.pipeline.store.faulty import install_memory


def test_of_a_level_in_a_bucket_there_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bucket = open_store(f"{install_memory(monkeypatch)}/bucket")
    store, made = levels(tmp_path)
    place = made[0].directory
    for path in store.list(place):
        bucket.create(path, store.read(path))
    # This kind of bucket, unlike S3, is known by its whole name only.
    monkeypatch.setattr(module, "locate", lambda location: (bucket, location.removeprefix(f"{bucket.root}/")))
    whole = [file.read_bytes() for file in text_files(Path(store.shown(place)))]
    for location in (place, f"{place}/manifest.json"):
        assert [file.read_bytes() for file in text_files(f"{bucket.root}/{location}")] == whole
    with pytest.raises(FileNotFoundError, match=r"no manifest.json at .*/absent; give the folder of a level"):
        text_files(f"{bucket.root}/absent")
