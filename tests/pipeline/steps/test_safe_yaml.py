"""YAML that is sound reads as PyYAML reads it; what repeats keys, grows without end or is too deep is refused soon."""

import time
from pathlib import Path

import pytest
import yaml

from pipeline.steps.safe_yaml import MAXIMUM_BYTES, YamlError, parse_yaml, read_yaml


def laughs(name: str, item: str) -> str:
    """Ten levels, each of which stands for ten of the one before."""
    lines = [f"{name}0: &{name}0 {item}"]
    lines += [f"{name}{n}: &{name}{n} [{', '.join([f'*{name}{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


def merged() -> str:
    """A mapping merged with itself: PyYAML would double its list of keys at each level."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    ["", "a: 1\nb: [x, {c: null}]", "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}", "- &a [1]\n- *a", "'1': a\n1: b"],
)
def test_sound_yaml_is_read_as_by_pyyaml(text: str):
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(text.encode("utf-16")) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: t\ndataset: u", r"^line 2: the key 'dataset' is given twice \(first in line 1\); remove one$"),
        ("steps:\n- {kind: x, a: 1, a: 2}", r"^line 2: the key 'a' is given twice"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}", "the key '<<' is given twice"),
        (laughs("l", "[x]"), "stands for over 100000 values"),
        (merged(), "stands for over 100000 values"),
        ("a: &a [*a]", "line 1: it contains itself"),
        ("a: &a {b: *a}", "line 1: it contains itself"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 5000, "nested too deeply"),
        ("- " * 5000 + "x", "nested too deeply"),
        ("x" * (MAXIMUM_BYTES + 1), "longer than 1024 KiB"),
        ("a: " + "1" * 5000, "digits"),
        ("a: 2001-99-99", "month must be in 1..12"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("? [a]\n: b", "unhashable key"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: {", "expected the node content"),
        (b"a: \xff", "invalid start byte"),
        ("a: \0", "special characters are not allowed"),
    ],
)
def test_what_is_refused(text: str | bytes, message: str):
    started = time.perf_counter()
    with pytest.raises(YamlError, match=message) as error:
        parse_yaml(text)
    assert "\n" not in str(error.value)
    assert time.perf_counter() - started < 10


def test_a_file_is_utf8_whatever_the_locale_says(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes("a: żółw".encode())
    assert read_yaml(tmp_path / "a.yaml") == {"a": "żółw"}


def test_no_more_of_a_file_is_read_than_is_allowed():
    with pytest.raises(YamlError, match="longer than"):
        read_yaml("/dev/zero")
