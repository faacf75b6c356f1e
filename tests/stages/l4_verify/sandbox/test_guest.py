"""The walls of the sandbox: published and made-up cheats, none of which may pass or do harm."""

# ruff: noqa: E501

import os
import time
from pathlib import Path

import pytest

from stages.l4_verify.sandbox.host import Sandbox, Suite

SQUARES = Suite("assert f(2) == 4\nassert f(3) == 9\nassert f(5) == 25", "f")


@pytest.fixture(scope="module")
def sandbox():
    made = Sandbox(seconds=1)
    if made.level < 2:
        pytest.skip("the sandbox of this machine is of level 1: no seccomp here, so nothing to show")
    yield made
    made.stop()


def wrong(body: str) -> str:
    """A function that answers wrongly, if it answers at all."""
    return "def f(x):\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "    return 0\n"


EQUAL = "class Equal{}:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    {}\n"
CHEATS = {
    "object that equals all": EQUAL.format("", "pass") + "def f(x): return Equal()",
    "number that equals all": EQUAL.format("(int)", "__hash__ = int.__hash__") + "def f(x): return Equal(0)",
    "list that equals all": EQUAL.format("(list)", "pass") + "def f(x): return Equal([0])",
    "exit when loaded": "import os\nos._exit(0)",
    "exit when called": wrong("import os\nos._exit(0)"),
    "sys.exit": wrong("import sys\nsys.exit(0)"),
    "SystemExit at load": "raise SystemExit(0)",
    "quit through builtins": wrong("raise KeyboardInterrupt"),
    "atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef f(x): return 0",
    "asserts patched": "import builtins\nbuiltins.AssertionError = type('A', (BaseException,), {})\ndef f(x): return 0",
    "builtins patched": "import builtins\nbuiltins.all = builtins.any = builtins.isinstance = lambda *a: True\ndef f(x): return 0",
    "asserts switched off": wrong("import sys, os\nos.execv(sys.executable, [sys.executable, '-O', '-c', 'pass'])"),
    "tests read from frames": "import sys, re\ndef f(x):\n    frame = sys._getframe()\n    seen = ''\n    while frame:\n"
    "        seen += repr(list(frame.f_locals.values())) + repr(frame.f_globals)\n        frame = frame.f_back\n"
    "    found = re.findall(r'f\\(%d\\) == (\\d+)' % x, seen)\n    return int(found[0]) if found else 0",
    "tests read from memory": "import gc, re\ndef f(x):\n    seen = ' '.join(map(repr, gc.get_objects()))\n"
    "    found = re.findall(r'f\\(%d\\) == (\\d+)' % x, seen)\n    return int(found[0]) if found else 0",
    "tests read from files": "import glob, re\ndef f(x):\n    seen = ''\n    for name in glob.glob('/tmp/**', recursive=True):\n"
    "        try: seen += open(name).read()\n        except Exception: pass\n"
    "    found = re.findall(r'f\\(%d\\) == (\\d+)' % x, seen)\n    return int(found[0]) if found else 0",
    "tests read from other processes": wrong(
        "import os\nfor name in os.listdir('/proc'):\n    if name.isdigit(): open(f'/proc/{name}/mem', 'rb').read(9)"
    ),
    "a verdict of its own on all descriptors": wrong(
        "import os\nfor fd in range(3, 32):\n    try: os.write(fd, b'{\"passed\": true, \"nonce\": \"\"}')\n"
        "    except OSError: pass"
    ),
    "answers before the question": "import os, json, struct\ndata = json.dumps({'names': ['f']}).encode()\n"
    "for fd in range(3, 32):\n    for _ in range(9):\n        try: os.write(fd, struct.pack('<I', len(data)) + data)\n"
    "        except OSError: pass\ndef f(x): return 0",
    "the guest's own functions replaced": "import sys\nmain = sys.modules['__main__']\nmain.encode = lambda *a: {'object': 0}\n"
    "main.write = lambda *a: None\ndef f(x): return 0",
    "fork bomb": wrong("import os\nwhile True:\n    os.fork()"),
    "processes": wrong("import subprocess\nsubprocess.run(['/bin/true'])"),
    "multiprocessing": wrong("import multiprocessing\nmultiprocessing.Process(target=print).start()"),
    "network": wrong("import socket\nsocket.create_connection(('127.0.0.1', 80), 1)"),
    "name look-up": wrong("import socket\nsocket.getaddrinfo('example.org', 80)"),
    "kills all": wrong("import os, signal\nos.kill(-1, signal.SIGKILL)"),
    "kills its parent": wrong("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"),
    "ptrace": wrong("import ctypes, os\nif ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0): raise OSError"),
    "threads": wrong("import threading\nfor _ in range(50): threading.Thread(target=lambda: 0, daemon=True).start()"),
    "signals ignored": "import signal\nfor one in range(1, 31):\n    try: signal.signal(one, signal.SIG_IGN)\n"
    "    except OSError: pass\ndef f(x):\n    while True: pass",
    "recursion": wrong("import sys\nsys.setrecursionlimit(10**9)\ng = lambda n: g(n + 1)\ng(0)"),
    "deep value": "def f(x):\n    v = []\n    for _ in range(10**5): v = [v]\n    return v",
    "memory": wrong("held = []\nwhile True: held.append(bytearray(1 << 24))"),
    "huge number": wrong("9 ** 9 ** 9"),
    "endless output": "def f(x):\n    while True: print('x' * 10**6)",
    "endless answer": "def f(x): return 'x' * (1 << 26)",
    "limits raised": wrong("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_no_cheat_passes(name: str, sandbox: Sandbox):
    started = time.monotonic()
    result = sandbox.run(CHEATS[name], SQUARES)
    assert result.fate != "pass", result
    assert time.monotonic() - started < 60


def test_after_the_cheats_an_honest_program_still_passes(sandbox: Sandbox):
    assert sandbox.run("def f(x): return x * x", SQUARES).fate == "pass"


@pytest.mark.parametrize(
    "body",
    ["open({path!r}, 'w').write('x')", "import os\nos.open({path!r}, os.O_CREAT | os.O_WRONLY)",
     "import os\nos.mkdir({path!r})", "import os\nos.symlink('/', {path!r})"],
)  # fmt: skip
def test_nothing_is_written(body: str, sandbox: Sandbox, tmp_path: Path):
    path = tmp_path / "made"
    code = (
        "def f(x):\n"
        + "".join(f"    {line}\n" for line in body.format(path=str(path)).splitlines())
        + "    return x * x"
    )
    result = sandbox.run(code, SQUARES)
    assert (result.fate, result.defect) == ("fail", "error")
    assert not os.path.lexists(path)


def test_the_root_holds_the_library_and_nothing_of_ours(sandbox: Sandbox):
    if sandbox.level < 3:
        pytest.skip("level 2 hides no files")
    code = f"import os\ndef f(x): return [os.path.exists(p) for p in ('/etc/passwd', '/proc', '/dev', {str(Path.cwd())!r})]"
    assert sandbox.run(code, Suite("assert f(0) == [False] * 4", "f")).fate == "pass"


def test_tests_see_values_objects_and_errors_of_the_candidate(sandbox: Sandbox):
    code = (
        "class Pair:\n    def __init__(self, a): self.a = a\ndef total(pairs): return sum(p.a for p in pairs)\n"
        "def same(x): return x\ndef bad(): raise KeyError('k')\ndef helper(): return 'wrong'"
    )
    values = "[None, True, 1, 2**80, -2.5, 'ü', b'x', (1, [2]), {'a': {3}}, frozenset([4]), 1j, float('inf')]"
    tests = (
        f"v = {values}\nassert same(v) == v and [type(a) for a in same(v)] == [type(a) for a in v]\n"
        "assert total([Pair(1), Pair(2)]) == 3\nassert helper() == 'ours'\n"
        "try:\n    bad()\n    assert False\nexcept KeyError: pass"
    )
    assert sandbox.run(code, Suite(tests, setup="def helper(): return 'ours'")).fate == "pass"
