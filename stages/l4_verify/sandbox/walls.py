"""The walls of the sandbox: what the kernel is asked for, so that a process can do nothing but compute and answer.

`guest` calls these in its own process before it runs a line that nobody trusts. Only the standard library is imported.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import struct
import sysconfig
from typing import Any

NEW = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000  # mount, IPC, user, processes, network
BIND, REC, PRIVATE, REMOUNT, READ_ONLY, NOSUID, NODEV = 4096, 16384, 1 << 18, 32, 1, 2, 4
DETACH, PIVOT_ROOT, CAPSET = 2, 155, 126
ROOT = "/tmp"
"""Where the new root is put together; hidden from the code like all else."""
LIBRARIES = ("/usr/lib", "/lib", "/lib64")
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


def become_first_process() -> None:
    """The fork after `unshare` is the first process of its name space: all others there end with it."""
    parent = os.fork()
    if parent:
        _, status = os.waitpid(parent, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # end with the parent


def shut_in() -> bool:
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


def has_seccomp() -> bool:
    """Tried in a fork, since it cannot be taken back."""
    if platform.machine() != "x86_64":
        return False
    child = os.fork()
    if not child:
        try:
            forbid()
            socket.socket().close()
        except PermissionError:
            os._exit(0)
        except BaseException:
            os._exit(1)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def forbid() -> None:
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
