"""What a cluster's address becomes, and what is said where none answers or where it lets nobody in; without Ray."""

import os
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.run.runners.cluster import NoCluster, reachable


class AuthenticationError(Exception):
    pass


@pytest.fixture
def head() -> Iterator[str]:
    """An address at which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def asked(head: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Ray's own parts are asked for, of stand-ins; `auto` is the address of `head`."""
    calls: list[Any] = []
    tokens = SimpleNamespace(
        maybe_enable_token_auth_if_token_available=lambda warn_if_disabled: calls.append(("use", warn_if_disabled)),
        ensure_token_if_auth_enabled=lambda create_token_if_missing: calls.append(("ensure", create_token_if_missing)),
    )
    for name, found in {
        "ray": SimpleNamespace(), "ray._private": SimpleNamespace(),
        "ray._private.authentication": SimpleNamespace(authentication_token_setup=tokens),
        "ray._private.services": SimpleNamespace(
            canonicalize_bootstrap_address_or_die=lambda address: head if address == "auto" else address
        ),
        "ray._raylet": SimpleNamespace(GcsClient=lambda address: calls.append(("connect", address))),
        "ray.exceptions": SimpleNamespace(AuthenticationError=AuthenticationError),
    }.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, found)
    return calls


def test_an_address_that_answers_is_used_with_the_token_that_is_there(asked: list[Any], head: str):
    assert reachable("auto") == head
    # No warning, and no token made up: the cluster would not know it.
    assert asked == [("use", False), ("ensure", False), ("connect", head)]


def test_a_client_address_checks_by_itself(asked: list[Any]):
    assert reachable("ray://head:10001") == "ray://head:10001"
    assert asked == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "127.0.0.1:port"])
def test_where_nothing_answers_the_address_is_named_with_the_way_out(asked: list[Any], address: str):
    with pytest.raises(NoCluster) as caught:
        reachable(address)
    assert str(caught.value).startswith(f"Ray cluster {address}: ")
    assert str(caught.value).endswith("; start it with `ray start`, or correct the address")
    assert asked == []


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (None, "there is none or another one here"), ("token", "there is none or another one here"),
        ("disabled", "RAY_AUTH_MODE is 'disabled' here"),
    ],
)  # fmt: skip
def test_a_cluster_that_wants_a_token_says_where_it_is(
    asked: list[Any], head: str, monkeypatch: pytest.MonkeyPatch, mode: str | None, found: str
):
    def refuse(address: str) -> None:
        raise AuthenticationError

    monkeypatch.setattr(sys.modules["ray._raylet"], "GcsClient", refuse)
    monkeypatch.setattr(os, "environ", {"RAY_AUTH_MODE": mode} if mode else {})
    with pytest.raises(
        NoCluster, match=f"Ray cluster {head}: it wants a token, and {found}; copy ~/.ray/auth_token of"
    ):
        reachable(head)
