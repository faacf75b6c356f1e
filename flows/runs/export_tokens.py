"""A release as tokens on disk: what trainers that read Megatron's indexed format take as it is.

| file                    | what                                                                             |
|-------------------------|----------------------------------------------------------------------------------|
| part-00000.bin, .idx, … | a shard for each data file of the release, a document a sequence                 |
| tokens.json             | release, tokenizer by sha256, documents and tokens; written last: the copy is whole |

A row with a column `repeats` stands as often as that says. Each document ends with the tokenizer's token `--end`, which
text cannot spell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import UsageError
from pipeline.store.shard import file_sha256

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RECORD = "tokens.json"
OURS = ("part-*.bin", "part-*.idx", RECORD, ".part-*")


def export_megatron(location: str, tokenizer: Path, end: str, target: Path) -> Path:
    """`location`: the release's folder or URL. UsageError for a tokenizer that cannot be read or has no such token."""
    from pipeline.ablation import megatron
    from pipeline.ablation.files import text_files

    loaded = load_tokenizer(tokenizer)
    last = loaded.token_to_id(end)
    if last is None:
        raise UsageError(f"{tokenizer} has no token '{end}'; name the one that ends a document with --end")
    strange = [path.name for path in target.iterdir() if not any(map(path.match, OURS))] if target.is_dir() else []
    if strange:
        raise UsageError(f"{target} holds '{strange[0]}', which is no file of this command; export to an empty folder")
    target.mkdir(parents=True, exist_ok=True)
    (target / RECORD).unlink(missing_ok=True)
    vocabulary, shards = loaded.get_vocab_size(with_added_tokens=True), []
    for number, file in enumerate(text_files(location)):
        name = f"part-{number:05d}"
        count = megatron.write(target / name, _documents(file, loaded, last), vocabulary)
        tokens, _ = megatron.read(target / name)
        shards.append({"name": name, "documents": count, "tokens": len(tokens), "of": file.name})
    record: dict[str, Any] = {
        "release": location, "tokenizer": {"sha256": file_sha256(tokenizer), "vocabulary": vocabulary, "end": end},
        "documents": sum(shard["documents"] for shard in shards), "tokens": sum(shard["tokens"] for shard in shards),
        "shards": shards,
    }  # fmt: skip
    (target / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return target


def load_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for each fault of the file
        raise UsageError(f"--tokenizer {path}: {error}; give a tokenizer.json of Hugging Face") from error
    loaded.no_truncation()
    loaded.no_padding()
    loaded.encode_special_tokens = True  # a document that spells a special token out must not produce it
    return loaded


def _documents(file: Path, tokenizer: Tokenizer, end: int) -> Iterator[np.ndarray]:
    from pipeline.ablation.files import read_rows, repeats_of

    for rows in read_rows([file], ["repeats"]):
        texts = rows.column("text").to_pylist()
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for encoding, times in zip(encodings, repeats_of(rows), strict=True):
            ids = np.array([*encoding.ids, end], np.int64)
            for _ in range(times):
                yield ids
