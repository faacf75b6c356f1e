"""JSON values out of files of every layout, encoding and compression."""

import gzip
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers import records as module
from stages.l0_collect.readers.members import Damage
from stages.l0_collect.readers.records import form_of, records

OBJECTS = [{"text": 'a "quoted" \\ {bracket', "n": [1, {"m": []}]}, {"text": "käse\u2028甜", "url": ""}, {"text": "}]"}]
LAYOUTS: dict[str, Callable[[list[object]], str]] = {
    "lines": lambda values: "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values),
    "lines without the last end": lambda values: "\n".join(json.dumps(value) for value in values),
    "lines with CRLF": lambda values: "".join(json.dumps(value) + "\r\n" for value in values),
    "lines with CR": lambda values: "\r".join(json.dumps(value) for value in values),
    "blank lines between": lambda values: "\n\n \n".join(json.dumps(value) for value in values),
    "array": json.dumps,
    "array of lines": lambda values: "[\n" + ",\n".join(json.dumps(value) for value in values) + "\n]\n",
    "array with a comma too many": lambda values: "[" + "".join(json.dumps(value) + ",\n" for value in values) + "]",
    "pretty array": lambda values: json.dumps(values, indent=2),
    "pretty objects": lambda values: "\n".join(json.dumps(value, indent=4) for value in values),
    "nothing between": lambda values: "".join(json.dumps(value) for value in values),
    "record separators": lambda values: "".join("\x1e" + json.dumps(value) + "\n" for value in values),
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def read(data: bytes, start: int = 0, stop: int | None = None) -> list[object]:
    """The values; in their places what else there is."""
    stream = io.BytesIO(data)
    found: list[object] = []
    for _, value in records(stream, form_of(stream), start, stop):
        try:
            found.append(json.loads(value.lstrip(b"\x1e")) if isinstance(value, bytes) else value)
        except ValueError:
            found.append("no JSON")
    return found


def errors(found: list[object]) -> list[str]:
    return [
        str(one) if isinstance(one, ValueError) else one.error for one in found if isinstance(one, ValueError | Damage)
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_values_come_out_however_they_lie(layout: str, encoding: str) -> None:
    data = LAYOUTS[layout](OBJECTS).encode(encoding)  # type: ignore[arg-type]
    assert read(data) == OBJECTS
    assert read(gzip.compress(data)) == OBJECTS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(st.text(min_size=1, max_size=5), VALUES, min_size=1, max_size=3)
DOCUMENTS = st.lists(OBJECT, min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.sampled_from(sorted(LAYOUTS)), st.sampled_from(ENCODINGS), st.sampled_from((1, 7, 64, 1 << 20)))
def test_generated_values_come_out_whatever_the_blocks(
    values: list[object], layout: str, encoding: str, block: int
) -> None:
    before = module.BLOCK
    try:
        module.BLOCK = block
        assert read(LAYOUTS[layout](values).encode(encoding, "surrogatepass")) == values
    finally:
        module.BLOCK = before


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=20), st.integers(4, 60), st.integers(1, 80), st.booleans())
def test_each_line_is_read_by_the_range_in_which_it_begins(texts: list[str], size: int, block: int, bom: bool) -> None:
    values: list[object] = [{"text": text} for text in texts]
    data = LAYOUTS["lines"](values).encode("utf-8-sig" if bom else "utf-8", "surrogatepass")
    before = module.BLOCK
    try:
        module.BLOCK = block
        assert [one for start in range(0, len(data), size) for one in read(data, start, start + size)] == values
    finally:
        module.BLOCK = before


def test_a_value_that_is_no_json_costs_itself_alone() -> None:
    array = '[{"text": "a"}, {"text": b}, {"text": "c" "d"}, 3, "x", null, {"text": "e"}]'
    assert read(array.encode()) == [{"text": "a"}, "no JSON", "no JSON", 3, "x", None, {"text": "e"}]


def test_a_string_without_an_end_costs_the_values_up_to_the_next_line_with_an_object() -> None:
    found = read(b'[\n{"text": "a"},\n{"text": "b\n},\n{"text": "c"}, }\n]')
    assert [one for one in found if isinstance(one, dict)] == [{"text": "a"}, {"text": "c"}]
    assert errors(found) == ["a string has no end on its line", "a bracket closes what none opened"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'[{"text": "a"}, {"text": "b"', "the last value has no end: the file is cut short, or a bracket is missing"),
        (b'[{"text": "a"}, {"text": "b', "the last value has no end: the file is cut short, or a bracket is missing"),
        (b'[{"text": "a"}, ', "the array has no end: the file is cut short"),
    ],
)
def test_an_array_that_is_cut_short_says_so(data: bytes, error: str) -> None:
    assert read(data)[0] == {"text": "a"}
    assert errors(read(data)) == [error]


@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize("layout", ["lines", "array of lines", "nothing between"])
def test_what_is_too_long_is_skipped(layout: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_LINE", 40)
    monkeypatch.setattr(module, "BLOCK", block)
    found = read(LAYOUTS[layout]([{"text": "a"}, {"text": "b" * 300}, {"text": "c"}]).encode())
    assert [one for one in found if isinstance(one, dict)] == [{"text": "a"}, {"text": "c"}]
    assert errors(found) == [f"the {'line' if layout == 'lines' else 'value'} is longer than 40 bytes"]


def test_half_a_surrogate_pair_costs_its_own_line() -> None:
    data = '{"text": "a"}\n{"text": "'.encode("utf-16") + b"\x00\xd8" + '"}\n{"text": "c"}\n'.encode("utf-16-le")
    assert read(data) == [{"text": "a"}, "no JSON", {"text": "c"}] or read(data)[0::2] == [{"text": "a"}, {"text": "c"}]


def test_utf16_that_ends_within_a_character_says_so() -> None:
    found = read('{"text": "a"}\n{"text": "b"}'.encode("utf-16")[:-1])
    assert found[0] == {"text": "a"}
    assert errors(found) == ["the utf-16-le text ends or breaks off: truncated data; what follows is lost"]


def test_the_line_that_damage_cuts_is_part_of_the_damage() -> None:
    lines = [b'{"text": "%d"}\n' % number for number in range(9)]
    members = [gzip.compress(b"".join(lines[part : part + 3]) + (b'{"te' if part == 0 else b"")) for part in (0, 3, 6)]
    bad = bytearray(members[1])
    bad[-6] ^= 1
    found = read(members[0] + bytes(bad) + members[2])
    assert [one["text"] for one in found if isinstance(one, dict)] == ["0", "1", "2", "6", "7", "8"]
    assert len(errors(found)) == 1


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_holds_nothing(data: bytes) -> None:
    assert read(data) == []
