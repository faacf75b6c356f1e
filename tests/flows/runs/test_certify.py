"""A certificate over a whole run with the rule-based engine: it verifies, and no byte of it or its lot may change."""

import json
from pathlib import Path

import pytest

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """
dataset: certified
l0_collect: {source: {kind: parquet, paths: [x]}}
l3_synthesize: {steps: [{kind: rewrite, engine: template, min_words: 10}]}
l4_verify: {steps: [{kind: format}, {kind: faithfulness}]}
"""


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("lot")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    source = write_parquet(folder / "a.parquet", rows(12))
    return folder, result_of(orefine("run", recipe, "--input", source, "--store", folder / "store", "--json"))


def test_the_run_writes_a_certificate_that_verifies(lot):
    _, result = lot
    certificate = Path(result["certificate"])
    assert json.loads(certificate.read_text(encoding="utf-8"))["certified"] == result["levels"][-1]["rows_out"] > 0
    assert "verified" in orefine("verify-certificate", certificate).stdout


def test_certify_writes_the_same_certificate_elsewhere(lot, tmp_path: Path):
    folder, result = lot
    copy = tmp_path / "copy.json"
    orefine("certify", "certified", "--store", folder / "store", "--output", copy)
    assert copy.read_bytes() == Path(result["certificate"]).read_bytes()
    orefine("verify-certificate", copy, "--store", folder / "store")
    assert "say with --store" in orefine("verify-certificate", copy, code=2).stderr


@pytest.mark.parametrize(
    "name", ["certificate.json", "manifest.json", "data/part-00000.parquet", "dropped/part-00000.parquet"]
)
def test_one_changed_byte_is_found(lot, name: str):
    _, result = lot
    certificate = Path(result["certificate"])
    victim = certificate.parent / name
    whole = victim.read_bytes()
    for place in (0, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        data = bytearray(whole)
        data[place] = ord("\t") if data[place] == ord(" ") else data[place] ^ 1
        victim.write_bytes(data)
        try:
            orefine("verify-certificate", certificate, code=1)
        finally:
            victim.write_bytes(whole)
    orefine("verify-certificate", certificate)


def test_a_release_without_l4_cannot_be_certified(tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("dataset: plain\nl0_collect: {source: {kind: parquet, paths: [x]}}\n")
    orefine("run", recipe, "--input", source, "--store", tmp_path / "s")
    assert "went through l0_collect only" in orefine("certify", "plain", "--store", tmp_path / "s", code=2).stderr
    assert "is not there" in orefine("verify-certificate", tmp_path / "nothing.json", code=2).stderr


def test_the_statement_of_a_release_is_signed_and_verifies(lot, tmp_path: Path):
    pytest.importorskip("securesystemslib")
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder, _ = lot
    secret, pem = Ed25519PrivateKey.generate(), forms.Encoding.PEM
    key, public, file = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "lot.intoto.json"
    key.write_bytes(secret.private_bytes(pem, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    public.write_bytes(secret.public_key().public_bytes(pem, forms.PublicFormat.SubjectPublicKeyInfo))
    store = folder / "store"
    orefine("certify", "certified", "--store", store, "--statement", file, "--key", key)
    check = ("verify-certificate", file, "--store", store, "--public-key", public)
    assert "verified" in orefine(*check).stdout
    file.write_bytes(file.read_bytes().replace(b'"sig": "', b'"sig": "AA', 1))
    done = orefine(*check, code=1)
    assert "expected a signature by the key" in done.stdout + done.stderr
    assert "--statement FILE" in orefine("certify", "certified", "--store", store, "--key", key, code=2).stderr


def test_a_certificate_names_the_one_before(lot):
    folder, result = lot
    first = json.loads(Path(result["certificate"]).read_text(encoding="utf-8"))
    source = write_parquet(folder / "b.parquet", rows(7))
    second = result_of(orefine("run", folder / "recipe.yaml", "--input", source, "--store", folder / "store", "--json"))
    made = json.loads(Path(second["certificate"]).read_text(encoding="utf-8"))
    assert (first["previous"], made["previous"]) == (None, first["certificate_hash"])
    assert "verified" in orefine("verify-certificate", second["certificate"]).stdout
