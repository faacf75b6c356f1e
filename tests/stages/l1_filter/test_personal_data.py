"""The step around the kernel: what each kind becomes, what is counted, what comes back untouched."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.personal_data import PersonalData

TEXT = (
    "jo@corp.de 88.8.8.8 2600:1::5 +44 20 7946 0958, 5555 5555 5555 4444 "
    "DE89 3704 0044 0532 0130 00 AKIAIOSFODNN7EXAMPLE 10.0.0.1"
)
CLEAN = (
    "email@example.com 192.0.2.1 2001:db8::1 +1 202 555 0100, 0000 0000 0000 0000 "
    "XX00 0000 0000 0000 0000 REDACTED_KEY 10.0.0.1"
)
ALL = dict.fromkeys(("email", "ipv4", "ipv6", "phone", "card", "iban", "key"), 1)


def batch(*texts: str | None) -> Batch:
    return Batch(pa.record_batch({"text": pa.array(texts, pa.string()), "id": [str(n) for n in range(len(texts))]}))


def test_each_kind_is_replaced_and_counted() -> None:
    result = PersonalData().transform(batch("nothing", TEXT, None))
    assert result.batch.text.to_pylist() == ["nothing", CLEAN, None]
    assert result.batch.column("id").to_pylist() == ["0", "1", "2"]
    assert result.changed == ALL


def test_what_it_leaves_behind_is_not_found_again() -> None:
    rows = batch(CLEAN)
    result = PersonalData().transform(rows)
    assert (result.batch, result.changed) == (rows, {})


@pytest.mark.parametrize("kind", ALL)
def test_a_kind_can_be_switched_off(kind: str) -> None:
    result = PersonalData.model_validate({kind: None}).transform(batch(TEXT))
    assert result.changed == {name: 1 for name in ALL if name != kind}


def test_rows_are_counted_not_occurrences() -> None:
    result = PersonalData(email="").transform(batch("a@b.de, c@d.de", "e@f.de"))
    assert result.batch.text.to_pylist() == [", ", ""]
    assert result.changed == {"email": 2}


def test_untouched_batches_keep_their_buffers_and_what_was_derived() -> None:
    rows = batch("nothing here", "at 10.0.0.1")
    assert PersonalData().transform(rows).batch is rows
