"""The inside of the sandbox: a process that shuts itself in and forks once for each piece of code it is to run.

Run as a file with `-I -S`, it imports only the standard library. There are two of it, one for candidates and one for
tests. The candidate's child executes the code and answers calls; the child of the tests sees the candidate's functions
only as stubs that send arguments and receive plain values. So a candidate never holds the tests, the expected values,
the frames or the verdict, and no object of its own (with an `__eq__` that is always true) reaches a comparison.

| level | what holds                                                                                                |
|-------|-----------------------------------------------------------------------------------------------------------|
| 1     | own process, limits of processor time, memory, file size and open files                                   |
| 2     | + seccomp: no network, no new process, no signals, no file opened for writing, no ptrace (x86-64 only)    |
| 3     | + namespaces (user, mount, network, processes, IPC) with a root that holds Python's library, read-only    |
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import importlib.util
import json
import os
import resource
import signal
import socket
import struct
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

# Run as a file with `-I`, it has no folder of ours to import from, and the code that it runs shall not get one.
_walls = importlib.util.spec_from_file_location("walls", os.path.join(os.path.dirname(__file__), "walls.py"))
assert _walls
assert _walls.loader
walls = importlib.util.module_from_spec(_walls)
_walls.loader.exec_module(walls)

PLAIN = (type(None), bool, float, str)
ALIKE: dict[type, type] = {collections.Counter: dict, collections.defaultdict: dict, collections.OrderedDict: dict}
"""Types of the library that are sent as, and equal to, plain ones."""
SET, GET = "object.attribute = value", "object.attribute"
"""What calls are named that set and read an attribute of the candidate's object: no function can be named so."""
BLOCK = struct.Struct("<I")
MAXIMUM_BLOCK = 16 << 20


def main(control: socket.socket) -> None:
    """Shut the process in, tell the level, and run what comes until the host is gone."""
    level = 1 + walls.has_seccomp()
    if level == 2 and os.fork() == 0:  # a try, since a half-made root is of no use
        os._exit(0 if walls.shut_in() else 1)
    if level == 2 and os.wait()[1] == 0 and walls.shut_in():
        level = 3
        walls.become_first_process()
    control.send(json.dumps({"level": level}).encode())
    running = 0
    while message := socket.recv_fds(control, 1 << 16, 2):
        data, fds, *_ = message
        if not data:
            break
        asked = json.loads(data)
        if asked["do"] == "run":
            running = os.fork()
            if not running:
                _child(control, asked, fds)
            for fd in fds:
                os.close(fd)
        else:
            os.kill(running, signal.SIGKILL)
            _, status, used = os.wait4(running, 0)
            control.send(json.dumps({"status": status, "seconds": used.ru_utime + used.ru_stime}).encode())


def _child(control: socket.socket, asked: dict[str, Any], fds: list[int]) -> None:
    """Run one candidate, or the tests of one; never returns."""
    control.close()
    seconds, memory = asked["seconds"], asked["memory"]
    # The signal at the first limit says what ended it; who ignores that is killed a second later.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for limit, value in (
        (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 32), (resource.RLIMIT_STACK, 16 << 20),
    ):  # fmt: skip
        with contextlib.suppress(ValueError):
            resource.setrlimit(limit, (value, value))
    try:
        walls.forbid()
        wire = os.fdopen(fds[0], "r+b", buffering=0)
        if asked["role"] == "candidate":
            _serve(wire)
        else:
            _test(wire, fds[1])
    except BaseException:
        os._exit(3)
    os._exit(0)


# ---- the candidate ----


def _serve(wire: Any) -> None:
    """Execute the code, then answer calls until the other side is gone."""
    code = read(wire)
    objects: list[Any] = []
    module: dict[str, Any] = {"__name__": "candidate", "__builtins__": builtins}
    try:
        exec(compile(code["code"], "candidate.py", "exec", optimize=0, dont_inherit=True), module)
    except BaseException as error:
        write(wire, {"error": _told(error)})
        return
    names = [name for name, value in list(module.items()) if callable(value) and not name.startswith("__")]
    modules = [name for name, value in module.items() if isinstance(value, types.ModuleType) and name == value.__name__]
    write(wire, {"names": names, "modules": modules})
    module |= {SET: setattr, GET: getattr}
    while True:
        asked = read(wire)
        try:
            arguments, named = (
                decode(asked["arguments"], objects.__getitem__),
                decode(asked["named"], objects.__getitem__),
            )
            reply: dict[str, Any] = {"value": encode(module[asked["name"]](*arguments, **named), objects)}
        except BaseException as error:
            reply = {"error": _told(error)}
        write(wire, {**reply, "nonce": asked["nonce"]})


def _told(error: BaseException) -> list[str]:
    return [type(error).__name__, str(error)[:200]]


# ---- the tests ----


class Ended(Exception):
    """The candidate is gone."""


class NotPlain(Exception):
    """The tests need more of the candidate's objects than can be had from here."""


class Opaque:
    """An object that stayed with the candidate: its attributes can be set, it can be handed back, never be compared."""

    def __init__(self, number: int, wire: Any) -> None:
        self.__dict__.update(number=number, wire=wire)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self.wire, SET, (self, name, value), {})

    def __getattr__(self, name: str) -> Any:
        return _ask(self.wire, GET, (self, name), {})

    def _refuse(self, *_: object) -> Any:
        raise NotPlain("the candidate returned an object that is no plain value")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = __iter__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _test(wire: Any, verdict: int) -> None:
    """Run the tests against stubs; the verdict goes with the nonce to a pipe that the candidate does not have."""
    first = read(wire)  # from the host, before the candidate has the other end
    calls = 0
    result: dict[str, Any] = {"nonce": first["nonce"], "passed": False}
    try:
        loaded = read(wire)
        if "error" in loaded:
            result |= {"defect": "does_not_load", "error": loaded["error"]}
            return
        names = [name for name in loaded["names"] if isinstance(name, str)]

        def stub(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                return _ask(wire, name, arguments, named)

            return call

        space: dict[str, Any] = {"__name__": "tests", **{name: stub(name) for name in names}}
        space |= {name: importlib.import_module(name) for name in loaded["modules"] if name in sys.stdlib_module_names}
        exec(compile(first["setup"], "setup.py", "exec", optimize=0, dont_inherit=True), space)
        entry = first["entry_point"]
        if entry:
            if entry not in names:
                raise NameError(f"name {entry!r} is not defined")
            space[entry] = stub(entry)
        source = first["tests"] + (f"\ncheck({entry})\n" if first["calls_check"] else "")
        exec(compile(source, "tests.py", "exec", optimize=0, dont_inherit=True), space)
        result |= {"passed": True, "calls": calls}
    except Ended:
        result |= {"defect": "ended_early"}
    except NotPlain as error:
        result |= {"defect": "not_plain", "error": _told(error), "calls": calls}
    except AssertionError:
        result |= {"defect": "tests_fail", "calls": calls}
    except BaseException as error:
        result |= {"defect": "error", "error": _told(error), "calls": calls}
    finally:
        os.write(verdict, json.dumps(result).encode())


def _ask(wire: Any, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    nonce = os.urandom(8).hex()
    write(wire, {"name": name, "arguments": encode(arguments), "named": encode(named), "nonce": nonce})
    reply = read(wire)
    if reply.get("nonce") != nonce:
        raise Ended
    if "error" in reply:
        kind, text = reply["error"]
        known = getattr(builtins, kind, None)
        plain = isinstance(known, type) and issubclass(known, Exception)
        raise (known if plain else RuntimeError)(text)  # type: ignore[misc]
    return decode(reply["value"], lambda number: Opaque(number, wire))


# ---- values on the wire ----


def encode(value: Any, objects: list[Any] | None = None) -> Any:
    """Plain values by their exact type; what is none stays here and is sent as a number (`objects`)."""
    kind = ALIKE.get(type(value), type(value))
    if kind in PLAIN:
        return value
    if kind is int:
        return value if abs(value) < 1 << 53 else {"int": hex(value)}
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [encode(one, objects) for one in value]}
    if kind is dict:
        return {"dict": [[encode(key, objects), encode(one, objects)] for key, one in value.items()]}
    if kind in (bytes, complex):
        return {kind.__name__: value.hex() if kind is bytes else [value.real, value.imag]}
    if isinstance(value, Opaque):
        return {"object": value.number}
    named = getattr(value, "__name__", "")
    if isinstance(value, type) and getattr(builtins, named, None) is value:
        return {"type": named}
    if objects is None:
        raise NotPlain(f"a {kind.__name__} cannot be handed to the candidate")
    objects.append(value)
    return {"object": len(objects) - 1}


def decode(value: Any, found: Callable[[int], Any]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "object":
        return found(held)
    if kind == "int":
        return int(held, 16)
    if kind == "type":
        found_type = getattr(builtins, held)
        if not isinstance(found_type, type):
            raise Ended
        return found_type
    if kind == "bytes":
        return bytes.fromhex(held)
    if kind == "complex":
        return complex(*held)
    if kind == "dict":
        return {decode(key, found): decode(one, found) for key, one in held}
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](decode(one, found) for one in held)


def read(wire: Any) -> dict[str, Any]:
    data = b"".join(_exactly(wire, BLOCK.size))
    (length,) = BLOCK.unpack(data)
    if length > MAXIMUM_BLOCK:
        raise Ended
    found = json.loads(b"".join(_exactly(wire, length)))
    if not isinstance(found, dict):
        raise Ended
    return found


def _exactly(wire: Any, size: int) -> Iterator[bytes]:
    while size:
        try:
            part = wire.read(size)
        except OSError:
            part = b""
        if not part:
            raise Ended
        size -= len(part)
        yield part


def write(wire: Any, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    rest = memoryview(BLOCK.pack(len(data)) + data)
    while rest:
        try:
            rest = rest[wire.write(rest) :]
        except OSError as error:
            raise Ended from error


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        main(socket.socket(fileno=int(sys.argv[1])))
