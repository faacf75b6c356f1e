"""Every step keeps to the contract, has a test of its own, and declares the libraries that decide its bytes."""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.runs.recipe import all_steps, kind_of
from pipeline.books.code import reach_of
from pipeline.run.contract import check_step
from pipeline.steps import Step
from stages.l2_select.train.seeds import Seeds
from stages.l2_select.train.settings import TrainSpec
from stages.l2_select.train.train_classifier import train
from tests.stages.l0_collect.readers.crawl import build, write_index
from tests.stages.l0_collect.readers.pdfs import make_pdf
from tests.stages.l0_collect.readers.range_server import serving
from tests.stages.l4_verify.tiny_nli import make_model

STEPS = {kind_of(step): step for _, step in all_steps()}
TESTS = Path(__file__).parent
TEXTS = [
    "The cat sat on the mat, and the dog looked on. It was a fine day for both of them.",
    "The cat sat on the mat, and the dog looked on. It was a fine day for both of them.",
    "Write to someone@example.org or call 192.0.2.7 about the words of this line.",
    "Ein kurzer Satz auf Deutsch. Und noch einer hinterher, damit es zwei sind.",
    "buy buy buy buy buy buy buy buy buy buy",
]
DOCUMENTS = [{"text": text} for text in TEXTS]
SCORED = [{"text": text, "quality": 0.25 * n, "other": 1.0 - n} for n, text in enumerate(TEXTS)]
REWRITTEN = [
    {
        "text": "In 1999 Ada Lovelace wrote 3 notes.",
        "source_text": "Ada Lovelace, 3 notes, 1999.",
        "form": '{"kind": "prose"}',
    },
    {"text": "In 1998 Ada wrote", "source_text": "Ada Lovelace, 1999.", "form": '{"kind": "prose"}'},
]
PROGRAMS = [
    {"text": "", "task": json.dumps({"verifier": "unit_tests", "answer": f"def f(x): return x + {n}",
                                     "tests": "assert f(1) == 2"})}
    for n in (1, 2)
]  # fmt: skip
PAGES = [{"html": b"<html><body><article><p>A page with some words to read.</p></article></body></html>"}]
EXAMPLES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "extract_html": ({}, PAGES),
    "site_opt_outs": ({}, DOCUMENTS),
    "language": ({"keep": ["en", "de"]}, DOCUMENTS),
    "datatrove": ({"filter": "GopherQualityFilter"}, DOCUMENTS),
    "ensemble": ({"columns": ["quality", "other"], "column": "both"}, SCORED),
    "threshold": ({"minimum": 0.3}, SCORED),
    "top_fraction": ({"fraction": 0.4}, SCORED),
    "upsample": ({}, SCORED),
    "rewrite": ({"engine": "template", "min_words": 5}, DOCUMENTS),
    "mix": ({}, [{"text": text, "parent_id": None if n % 3 else f"{n:032x}"} for n, text in enumerate(TEXTS)]),
    "format": ({}, REWRITTEN),
    "faithfulness": ({}, REWRITTEN),
    "entailment": ({}, REWRITTEN),
    "math_answer": ({}, [{"text": "#### 4", "task": json.dumps({"verifier": "math_answer", "answer": "4"})}]),
    "task_answer": ({}, [{"text": "Question: What is 1 + 1?\nAnswer: 2", "task": json.dumps({"verifier": "none"})}]),
    "lean": (
        {},
        [
            {"text": proof, "task": json.dumps({"verifier": "lean", "statement": ": 1 = 1"})}
            for proof in ("by rfl", "by sorry")
        ],
    ),
    "smt": (
        {},
        [
            {"text": "", "task": json.dumps({"verifier": "smt", "premises": "", "claim": claim})}
            for claim in ("true", "false")
        ],
    ),
    "code_execution": ({"minimum_level": 1, "seconds": 1}, PROGRAMS),
    "policy": (
        {"needs": {"prose": ["format"]}},
        [
            row | {"verdicts": json.dumps([{"checker": "format", "means": "formal", "verdict": verdict}])}
            for row, verdict in zip(REWRITTEN, ("pass", "abstain"), strict=True)
        ],
    ),
    "human_review": ({"plan": {"kind": "double", "aql": 0.1, "ltpd": 0.5}}, DOCUMENTS),
}
DECIDE_NOTHING = {
    "numpy": "arithmetic on whole numbers and IEEE floats",
    "numba": "compiles what the kernels' references in the tests fix",
    "llvmlite": "as numba",
    "scipy": "computes the limits of a sampling plan, which are registered with the lot",
    "pyarrow": "counts for every level",
    "yaml": "reads parameters, which count themselves",
    "aiohttp": "carries what a server replies, which the ledger keeps",
    "huggingface_hub": "fetches files, which count by their content",
    "fsspec": "as huggingface_hub",
    "obstore": "as huggingface_hub",
    "fasttext": "trains models, which count by their hash; its version counts where one is trained",
    "zstandard": "unpacks what its own checksum or the lines in it check",
    "lz4": "as zstandard",
    "requests": "fetches captures, which count by what the index says of them",
    "urllib3": "as requests",
    "pypdfium2": "counts in the identity of `warc` where it reads PDF, and of `pdf`",
    "tokenizers": "counts in the identity of `normalizer: ultrafine`",
    "torch": "the engine's replies are kept in the ledger",
    "transformers": "as torch",
    "vllm": "as torch",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Iterator[dict[str, dict[str, Any]]]:
    """Parameters of the steps that name files or servers."""
    folder = tmp_path_factory.mktemp("files")
    endings = (
        "in.parquet",
        "in.jsonl",
        "in.warc",
        "in.wet",
        "in.txt",
        "in.pdf",
        "domains",
        "model.bin",
        "items.jsonl",
        "tasks.yaml",
        "opt_outs.jsonl",
    )
    names = {name: folder / name for name in endings}
    pq.write_table(pa.Table.from_pylist(DOCUMENTS), names["in.parquet"])
    names["in.jsonl"].write_text("".join(f"{json.dumps(row)}\n" for row in DOCUMENTS) + "no JSON\n")
    page = PAGES[0]["html"]
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n".encode()
    record = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nContent-Length: {len(head + page)}"
    )
    names["in.warc"].write_bytes(record.encode() + b"\r\n\r\n" + head + page + b"\r\n\r\n")
    names["in.wet"].write_bytes(
        record.replace("response", "conversion").encode() + b"\r\n\r\n" + head + page + b"\r\n\r\n"
    )
    names["in.txt"].write_text(TEXTS[0])
    names["in.pdf"].write_bytes(make_pdf([[TEXTS[0]]]))
    names["domains"].write_text("example.net\n")
    names["opt_outs.jsonl"].write_text('{"host": "https://a.example", "asked": "2026-11-26"}\n')
    names["items.jsonl"].write_text(json.dumps({"question": TEXTS[0], "answer": "yes"}) + "\n")
    names["tasks.yaml"].write_text(
        "{name: sum, parameters: {a: [1, 9]}, question: 'What is {a} + 1?', answer: a + 1}\n"
    )
    spec = TrainSpec(positives=Seeds(rest=True), negatives=Seeds(hosts=("x",)), epochs=1, threads=1)
    good, bad = ([f"{word} {number} {word}" for number in range(60)] for word in ("theorem", "pills"))
    train(pa.array(good), pa.array(bad), spec, folder)
    parameters = {
        "entailment": {"model": str(make_model(folder / "nli")), "max_tokens": 32},
        "parquet": {"paths": [str(names["in.parquet"])]},
        "jsonl": {"paths": [str(names["in.jsonl"])]},
        "warc": {"paths": [str(names["in.warc"])]},
        "wet": {"paths": [str(names["in.wet"])]},
        "crawl": {"paths": [str(names["in.warc"])]},
        "text": {"paths": [str(names["in.txt"])]},
        "pdf": {"paths": [str(names["in.pdf"])]},
        "lean": {"repl": [sys.executable, str(Path(__file__).parent / "stages" / "l4_verify" / "lean_repl.py")]},
        "contamination": {"sets": [str(names["items.jsonl"])]},
        "paraphrased_items": {"sets": [str(names["items.jsonl"])], "model": str(folder / "nli")},
        "tasks": {"files": [{"path": str(names["tasks.yaml"]), "count": 3}]},
        "site_opt_outs": {"snapshot": str(names["opt_outs.jsonl"])},
        "url_filter": {"domains": str(names["domains"])},
        "fasttext_quality": {"model": str(names["model.bin"])},
    }
    with serving() as server:
        index = write_index(folder / "index.parquet", build(server))
        yield parameters | {"common_crawl": {"index": str(index), "base": server.url}}


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_keeps_to_the_contract(kind: str, files: dict[str, dict[str, Any]]):
    parameters, rows = EXAMPLES.get(kind, ({}, DOCUMENTS))
    check_step(STEPS[kind], files.get(kind, parameters), rows)


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_has_a_test_of_its_own(kind: str):
    *folders, name = STEPS[kind].__module__.split(".")
    assert (TESTS.joinpath(*folders) / f"test_{name}.py").exists()


@pytest.mark.parametrize("kind", STEPS)
def test_every_library_that_a_step_imports_is_declared_or_decides_no_bytes(kind: str):
    step: type[Step] = STEPS[kind]
    distributions, declared = packages_distributions(), {library.lower() for library in step.libraries}
    undeclared = {
        module for module in reach_of(step.__module__).undeclared
        if not declared & {name.lower() for name in distributions.get(module, [module])}
    }  # fmt: skip
    assert undeclared <= DECIDE_NOTHING.keys()
