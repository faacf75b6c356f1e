"""A certificate in the form that others' tools verify: an in-toto Statement v1 in a DSSE envelope.

    statement   subjects: every file that the lot's manifest lists, by path and sha256; predicate: the certificate
    envelope    DSSE v1 over exactly these bytes; with a key, signed (Ed25519, ECDSA or RSA, from a PEM file)

Who has only the envelope can tell with stock tools who signed it and which files it is about. What the certificate says
is verified by `verify-certificate`, which recomputes it. A signature says who, never that it is right.

Keys are read from files and never written. Signing needs the extra `sign` (securesystemslib, cryptography); reading an
unsigned envelope needs nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from pipeline.books.manifest import Manifest
from pipeline.errors import UsageError
from pipeline.publish.certificate import Certificate

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://orefine.dev/certificate/v5"
"""A name, not a page; its number is the certificate's format."""
PAYLOAD = "application/vnd.in-toto+json"


class BadEnvelope(ValueError):
    """What should be a signed or unsigned statement is none, or its signature is not by this key."""


def statement(certificate: Certificate, manifest: Manifest) -> dict[str, Any]:
    """The Statement v1 about all files of the lot, the manifest itself among them."""
    files = sorted((file.path, file.sha256) for file in manifest.files)
    subjects = [*files, ("manifest.json", certificate["manifest_sha256"])]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects],
        "predicateType": PREDICATE,
        "predicate": certificate,
    }


def payload(made: dict[str, Any]) -> bytes:
    """The bytes that are signed: the same for the same statement."""
    return json.dumps(made, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def seal(made: dict[str, Any], key: Path | None = None) -> bytes:
    """The envelope of a statement, signed where a key is given."""
    body = payload(made)
    signatures = []
    if key is not None:
        from securesystemslib.dsse import Envelope

        envelope = Envelope(body, PAYLOAD, {})
        envelope.sign(_signer(key))
        signatures = envelope.to_dict()["signatures"]
    sealed = {"payload": base64.b64encode(body).decode(), "payloadType": PAYLOAD, "signatures": signatures}
    return (json.dumps(sealed, indent=1, sort_keys=True) + "\n").encode()


def opened(data: bytes, public_key: Path | None = None) -> dict[str, Any]:
    """The statement of an envelope; BadEnvelope if it is none, or not signed by `public_key` where one is given."""
    try:
        sealed = json.loads(data)
        body = base64.b64decode(sealed["payload"], validate=True)
        made: dict[str, Any] = json.loads(body)
        names = sealed["payloadType"], made["_type"], made["predicateType"]
        whole = data == (json.dumps(sealed, indent=1, sort_keys=True) + "\n").encode() and body == payload(made)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise BadEnvelope(f"expected a DSSE envelope with a statement, found something else ({error})") from error
    if names != (PAYLOAD, STATEMENT, PREDICATE):
        raise BadEnvelope(f"expected {PAYLOAD}, {STATEMENT}, {PREDICATE}, found {', '.join(map(str, names))}")
    if not whole:
        raise BadEnvelope("expected the bytes that certify wrote, found others")
    if public_key is not None:
        _verify(sealed, public_key)
    return made


def is_envelope(data: bytes) -> bool:
    """Does a file look like an envelope rather than a certificate?"""
    try:
        return "payloadType" in json.loads(data)
    except (ValueError, TypeError):
        return False


def _verify(sealed: dict[str, Any], public_key: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error
    from securesystemslib.signer import SSlibKey

    try:
        key = SSlibKey.from_crypto(load_pem_public_key(public_key.read_bytes()))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{public_key} holds no public key in PEM that can verify: {error}") from error
    try:
        Envelope.from_dict(json.loads(json.dumps(sealed))).verify([key], 1)
    except (Error, ValueError, KeyError) as error:
        raise BadEnvelope(f"expected a signature by the key in {public_key}, found none: {error}") from error


def _signer(key: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    try:
        return CryptoSigner(load_pem_private_key(key.read_bytes(), None))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{key} holds no private key in PEM without a password that can sign: {error}") from error
