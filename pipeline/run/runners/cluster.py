"""Finds a Ray cluster at an address, and says at once where there is none or where it does not let us in."""

from __future__ import annotations

import os
import socket

from pipeline.run.runners.runner import UnknownRunner

ANSWER_SECONDS = 10.0
"""Patience with a cluster's head node, which either answers at once or not at all."""


class NoCluster(UnknownRunner):
    """No Ray cluster there, or it does not let us in."""


def reachable(address: str) -> str:
    """The cluster's address as host:port, with its token in use. Raises NoCluster at once, where `ray.init` would warn
    for a minute.

    `ray start --head` demands a token as soon as there is one (~/.ray/auth_token, which every local Ray leaves behind),
    but who joins by host:port must say so: RAY_AUTH_MODE=token. Ray has no public interface for any of this; the extra
    `ray` pins its version.
    """
    from ray._private.authentication import authentication_token_setup as tokens
    from ray._private.services import canonicalize_bootstrap_address_or_die
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError

    if "://" in address:  # Ray Client: another protocol, which checks by itself
        return address
    try:
        address = canonicalize_bootstrap_address_or_die(address)
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
        tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        tokens.ensure_token_if_auth_enabled(create_token_if_missing=False)
        GcsClient(address=address)
    except AuthenticationError as error:
        mode = os.environ.get("RAY_AUTH_MODE", "")
        found = f"RAY_AUTH_MODE is '{mode}' here" if mode not in ("", "token") else "there is none or another one here"
        raise NoCluster(
            f"Ray cluster {address}: it wants a token, and {found}; copy ~/.ray/auth_token of its head node to this "
            "machine and set RAY_AUTH_MODE=token"
        ) from error
    except (OSError, ValueError) as error:
        raise NoCluster(f"Ray cluster {address}: {error}; start it with `ray start`, or correct the address") from error
    return address
