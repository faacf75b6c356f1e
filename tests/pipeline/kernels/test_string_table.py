"""The table of strings, against a dict."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.string_table import StringTable
from pipeline.kernels.utf8 import text_buffers


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), max_size=30), max_size=4))
def test_strings_are_numbered_as_they_come(batches: list[list[str]]) -> None:
    table, known = StringTable(), dict[str, int]()
    for strings in batches:
        new = [place for place, string in enumerate(strings) if string not in known | dict.fromkeys(strings[:place])]
        numbers, first = table.number(*text_buffers(pa.array(strings, pa.string())))
        known |= {strings[place]: len(known) + count for count, place in enumerate(new)}
        assert numbers.tolist() == [known[string] for string in strings]
        assert first.tolist() == new
        assert len(table) == len(known)


def test_it_grows_without_losing_any() -> None:
    table, strings = StringTable(), pa.array([f"word {number}" for number in range(20_000)])
    for _ in range(2):
        assert table.number(*text_buffers(strings))[0].tolist() == list(range(20_000))
    assert len(table) == 20_000
