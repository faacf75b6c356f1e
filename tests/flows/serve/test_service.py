"""What the service refuses before it starts anything, and how it keeps a child alive."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from flows.serve import service
from flows.serve.service import AlreadyServed, Child
from pipeline.errors import Fault


def test_two_services_do_not_share_a_home(tmp_path: Path):
    refused = pytest.raises(AlreadyServed, match="another `orefine serve` is at work")
    with service._alone(tmp_path), refused, service._alone(tmp_path):
        pass
    with service._alone(tmp_path):  # the lock went with the first one
        pass


def test_a_taken_port_is_said_with_the_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AlreadyServed, match="is taken; set `port` in serve"):
            service._check_free(taken.getsockname()[1])


class Short(Child):
    """A child that ends at once, in place of `prefect`."""

    def _start(self) -> None:
        import subprocess

        self._process = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])
        self._process.wait()


def test_a_child_that_ends_is_started_again_but_not_for_ever(tmp_path: Path):
    said: list[str] = []
    with Short("worker", [], tmp_path, {}) as child:
        for _ in range(service.MAXIMUM_DEATHS):
            child.look(said.append)
        assert said == ["worker ended with 7; starting it again"] * service.MAXIMUM_DEATHS
        with pytest.raises(Fault, match="the worker ended 6 times within an hour"):
            child.look(said.append)


def test_a_server_that_ends_while_it_starts_is_told_and_a_stop_is_no_error(tmp_path: Path):
    stop = threading.Event()
    with Short("server", [], tmp_path, {}) as child:
        with pytest.raises(Fault, match="Prefect's server ended at once"):
            service._is_up("http://127.0.0.1:9/api", child, stop)
        stop.set()
        assert not service._is_up("http://127.0.0.1:9/api", child, stop)
