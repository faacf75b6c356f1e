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
import ctypes
import importlib
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any

NEW = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000  # mount, IPC, user, processes, network
BIND, REC, PRIVATE, REMOUNT, READ_ONLY, NOSUID, NODEV = 4096, 16384, 1 << 18, 32, 1, 2, 4
DETACH, PIVOT_ROOT, CAPSET = 2, 155, 126
ROOT = "/tmp"
"""Where the new root is put together; hidden from the code like all else."""
LIBRARIES = ("/usr/lib", "/lib", "/lib64")
PLAIN = (type(None), bool, float, str)
ALIKE: dict[type, type] = {collections.Counter: dict, collections.defaultdict: dict, collections.OrderedDict: dict}
"""Types of the library that are sent as, and equal to, plain ones."""
SET, GET = "object.attribute = value", "object.attribute"
"""What calls are named that set and read an attribute of the candidate's object: no function can be named so."""
BLOCK = struct.Struct("<I")
MAXIMUM_BLOCK = 16 << 20
# Numbers of x86-64: arch/x86/entry/syscalls/syscall_64.tbl of the Linux kernel.
FORBIDDEN = (
    41, 42, 43, 44, 45, 46, 47, 49, 50, 53, 288, 299, 307,  # socket, connect, …: the one socket is read and written
    57, 58, 435, 59, 322,  # fork, vfork, clone3, execve, execveat
    62, 200, 234, 129, 297, 424, 101, 310, 311,  # signals, ptrace, memory of other processes
    76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 133, 258, 259, 260, 263, 264, 265, 266, 268, 316, 437, 280,
    155, 161, 165, 166, 272, 308, 428, 429, 430, 442,  # mounts and namespaces
    248, 249, 250, 298, 304, 321, 323, 425, 426, 427, 169, 175, 313, 246, 170, 171, 29, 68,
    160, 302,  # other limits
)  # fmt: skip
EPERM, ENOSYS = 0x00050001, 0x00050026
ALLOW, KILL = 0x7FFF0000, 0x80000000
_libc = ctypes.CDLL(None, use_errno=True)


def main(control: socket.socket) -> None:
    """Shut the process in, tell the level, and run what comes until the host is gone."""
    level = 1 + _has_seccomp()
    if level == 2 and os.fork() == 0:  # a try, since a half-made root is of no use
        os._exit(0 if _shut_in() else 1)
    if level == 2 and os.wait()[1] == 0 and _shut_in():
        level = 3
        _become_first_process()
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
        _forbid()
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


# ---- the walls ----


def _become_first_process() -> None:
    """The fork after `unshare` is the first process of its name space: all others there end with it."""
    parent = os.fork()
    if parent:
        _, status = os.waitpid(parent, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # end with the parent


def _shut_in() -> bool:
    """New name spaces and a root that holds nothing but the library; False where the kernel does not let us."""
    try:
        user, group = os.getuid(), os.getgid()
        _call("unshare", NEW)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        _mount(None, "/", None, REC | PRIVATE)
        stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
        links = {path: os.readlink(path) for path in LIBRARIES if os.path.islink(path)}
        folders = [path for path in LIBRARIES if path not in links and os.path.isdir(path)] + [stdlib]
        kept = {folder: os.open(folder, os.O_PATH) for folder in folders}  # where the new root may hide it
        _mount("tmpfs", ROOT, "tmpfs", NOSUID | NODEV, "size=64k")
        for folder, fd in kept.items():
            inside = ROOT + folder
            if os.path.isdir(inside):  # below one that is there already
                continue
            os.makedirs(inside)
            _mount(f"/proc/self/fd/{fd}", inside, None, BIND | REC)
            held = os.statvfs(inside).f_flag & (NOSUID | NODEV | 8 | 1024 | 2048)
            _mount(None, inside, None, BIND | REMOUNT | READ_ONLY | NOSUID | NODEV | held)
            os.close(fd)
        for path, target in links.items():
            os.symlink(target, ROOT + path)
        os.chdir(ROOT)
        if _libc.syscall(PIVOT_ROOT, b".", b"."):
            raise OSError(ctypes.get_errno(), "pivot_root")
        _call("umount2", b".", DETACH)
        os.chdir("/")
        _mount(None, "/", None, BIND | REMOUNT | READ_ONLY | NOSUID | NODEV)
    except OSError:
        return False
    return True


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


def _has_seccomp() -> bool:
    """Tried in a fork, since it cannot be taken back."""
    if platform.machine() != "x86_64":
        return False
    child = os.fork()
    if not child:
        try:
            _forbid()
            socket.socket().close()
        except PermissionError:
            os._exit(0)
        except BaseException:
            os._exit(1)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _forbid() -> None:
    """No capabilities, and the calls of `FORBIDDEN` fail with EPERM from here on."""
    if platform.machine() != "x86_64":
        return
    _libc.syscall(CAPSET, (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
    load, jump, jump_set, give = 0x20, 0x15, 0x45, 0x06
    number, architecture, first, second, third = 0, 4, 16, 24, 32
    program = [
        (load, 0, 0, architecture), (jump, 1, 0, 0xC000003E), (give, 0, 0, KILL),
        (load, 0, 0, number), (0x35, 0, 1, 0x40000000), (give, 0, 0, KILL),  # the x32 numbers
    ]  # fmt: skip
    for forbidden in FORBIDDEN:
        program += [(jump, 0, 1, forbidden), (give, 0, 0, ENOSYS if forbidden == 435 else EPERM)]
    for call, where, mask, if_set in (
        (2, second, 0x243, EPERM),
        (257, third, 0x243, EPERM),
        (56, first, 0x10000, ALLOW),
    ):
        otherwise = ALLOW if if_set == EPERM else EPERM  # a thread is let, another process is not
        program += [
            (jump, 0, 4, call), (load, 0, 0, where),
            (jump_set, 0, 1, mask), (give, 0, 0, if_set), (give, 0, 0, otherwise),
        ]  # fmt: skip
    program.append((give, 0, 0, ALLOW))
    data = b"".join(struct.pack("<HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(data, len(data))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))

    held = Program(len(program), ctypes.addressof(buffer))
    if _libc.prctl(38, 1, 0, 0, 0) or _libc.prctl(22, 2, ctypes.byref(held), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        main(socket.socket(fileno=int(sys.argv[1])))
