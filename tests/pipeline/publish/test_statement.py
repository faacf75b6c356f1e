"""The envelope: read by stock in-toto and securesystemslib, and every change of it noticed."""

import base64
import json
from pathlib import Path

import pytest

from pipeline.books.manifest import Manifest
from pipeline.errors import UsageError
from pipeline.publish.statement import BadEnvelope, is_envelope, opened, seal, statement
from pipeline.store.shard import FileEntry

DSSE = pytest.importorskip("securesystemslib.dsse")
SIGNER = pytest.importorskip("securesystemslib.signer")
FILES = [FileEntry(role="data", path=f"data/part-{n}.parquet", rows=n, bytes=n, sha256=f"{n}" * 64) for n in (2, 1)]
CERTIFICATE = {"manifest_sha256": "a" * 64, "certified": 3, "dataset": "t\u00f6y", "policy": [{"kind": "format"}]}


@pytest.fixture
def made():
    manifest = Manifest.model_construct(files=FILES)
    return statement(CERTIFICATE, manifest)


@pytest.fixture
def keys(tmp_path) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    pem = forms.Encoding.PEM
    private.write_bytes(key.private_bytes(pem, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem, forms.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_the_subjects_are_the_files_of_the_manifest(made):
    assert [(subject["name"], subject["digest"]["sha256"][0]) for subject in made["subject"]] == [
        ("data/part-1.parquet", "1"), ("data/part-2.parquet", "2"), ("manifest.json", "a"),
    ]  # fmt: skip


def test_it_opens_as_it_was_sealed(made, keys):
    assert opened(seal(made)) == made
    assert opened(seal(made, keys[0]), keys[1]) == made
    assert seal(made) == seal(dict(reversed(made.items()))) == seal(made)
    assert list(json.loads(seal(made))) == ["payload", "payloadType", "signatures"]
    assert is_envelope(seal(made))
    assert not is_envelope(b'{"format": 3}')


def test_stock_tools_verify_it(made, keys):
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    envelope = DSSE.Envelope.from_dict(json.loads(seal(made, keys[0])))
    key = SIGNER.SSlibKey.from_crypto(load_pem_public_key(keys[1].read_bytes()))
    assert list(envelope.verify([key], 1)) == [key.keyid]
    intoto = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf.json_format import Parse
    from in_toto_attestation.v1.statement_pb2 import Statement

    read = Parse(envelope.payload, Statement())
    intoto.Statement.copy_from_pb(read).validate()
    assert dict(read.predicate)["dataset"] == "t\u00f6y"


def test_another_key_and_no_signature_are_refused(made, keys, tmp_path):
    other = tmp_path / "other.pub"
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.generate().public_key()
    other.write_bytes(public.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo))
    for sealed, key in ((seal(made, keys[0]), other), (seal(made), keys[1])):
        with pytest.raises(BadEnvelope, match="expected a signature by the key"):
            opened(sealed, key)


def test_every_changed_value_breaks_the_signature(made, keys):
    sealed = json.loads(seal(made, keys[0]))
    for field in ("certified", "dataset", "manifest_sha256", "policy"):
        changed = {**made, "predicate": {**CERTIFICATE, field: "x"}}
        body = json.dumps(changed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        forged = {**sealed, "payload": base64.b64encode(body).decode()}
        with pytest.raises(BadEnvelope, match="expected a signature"):
            opened((json.dumps(forged, indent=1, sort_keys=True) + "\n").encode(), keys[1])


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"payload": "!"}', b'{"payload": "e30=", "payloadType": "x"}'])
def test_what_is_no_envelope_says_so(data):
    with pytest.raises(BadEnvelope):
        opened(data)


def test_a_byte_between_the_values_counts(made):
    with pytest.raises(BadEnvelope, match="the bytes that certify wrote"):
        opened(seal(made).replace(b"\n ", b"\n  ", 1))


def test_a_key_that_is_none_is_named_on_both_sides(made, keys, tmp_path):
    (tmp_path / "notes.txt").write_text("my key", encoding="utf-8")
    with pytest.raises(UsageError, match=r"notes\.txt holds no private key in PEM"):
        seal(made, tmp_path / "notes.txt")
    with pytest.raises(UsageError, match=r"notes\.txt holds no public key in PEM"):
        opened(seal(made, keys[0]), tmp_path / "notes.txt")


def test_another_kind_of_statement_is_refused_with_what_it_is(made):
    sealed = json.loads(seal(made))
    sealed["payloadType"] = "text/plain"
    with pytest.raises(BadEnvelope, match=r"found text/plain, https://in-toto\.io/Statement/v1, "):
        opened((json.dumps(sealed, indent=1, sort_keys=True) + "\n").encode())
