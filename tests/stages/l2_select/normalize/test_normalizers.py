import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.l2_select.normalize.normalizers import load_ultrafine, normalize

pytest.importorskip("tokenizers")

from tests.stages.l2_select.helpers import TOKENIZERS, official


def test_the_tokenizer_file_is_found_or_named(tmp_path):
    TOKENIZERS["gpt2"].save(str(tmp_path / "tokenizer.json"))
    texts = pa.array(["The rivers", None])
    assert normalize(texts, "ultrafine", str(tmp_path)).to_pylist() == [official("The rivers", TOKENIZERS["gpt2"]), ""]
    (tmp_path / "broken.json").write_text("{}")
    for name in ("none.json", "broken.json"):
        with pytest.raises(ValueError, match=f"{name}.*give a Hugging Face tokenizer.json"):
            load_ultrafine(tmp_path / name)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    TOKENIZERS["gpt2"].save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match="needs the package tokenizers; install the extra `ultrafine`"):
        load_ultrafine(tmp_path / "tokenizer.json")


@given(text=st.text(st.sampled_from("ab \n\r\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\u3000\u00a0")))
def test_dclm_joins_lines_as_published(text):
    assert normalize(pa.array([text]), "dclm").to_pylist() == [" ".join(text.strip().splitlines())]


def test_plain_turns_newlines_into_spaces():
    assert normalize(pa.array(["a\nb\r\n", None]), "plain").to_pylist() == ["a b\r ", ""]
