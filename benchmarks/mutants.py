"""How many small defects of the core do its tests notice? Mutation testing of `pipeline/`, less its kernels.

    python -m benchmarks.mutants [--module pipeline/books …] [--count 150] [--near] [--log FILE] [--minutes 10]

A mutant is one small change of one place: a comparison or an operator turned into its neighbour, a condition negated, a
number moved by one, a text emptied, a statement, a `sorted` or a returned value left out, two arguments swapped. A
sample is drawn with a seed; each mutant is put into a copy of the tree, never in place, and tried by the tests that
`make test-fast` would run: first the module's own, then those beside it, then those that import it and the core's. A
mutant that makes them fail, or run far longer than they do without it, is killed. One that survives is code that no
test looks at, code that is not needed, or a change that makes no difference: read each.

With `--log` each fate is kept as it becomes known, and the same command goes on where it was stopped: what was killed
is not tried again while its file stays as it is, and what survived is tried again once a test has changed. So is how
long tests take on the untouched tree, while that stays as it is.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import hashlib
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
COPIED = ("pipeline", "stages", "flows", "benchmarks", "tests", "pyproject.toml", "README.md", "Makefile", "docs")
CORE = ("tests/pipeline/run", "tests/pipeline/publish", "tests/flows/runs", "tests/flows/test_cli.py")
"""Tests of what goes through every module of the core; the last to be run."""
FAST = "not ray and not prefect and not vllm and not slow"
"""As `make test-fast` chooses."""
TOO_SLOW = "too slow"
"""Said of tests that were stopped."""
PATIENCE = 3
"""Tests may take this many times as long with a mutant as without it; beyond, it loops."""
SHORTEST_LIMIT = 120.0
MEMORY = 16 << 30
"""Bytes of address space: a mutant that gathers without end must not take the machine."""

NEIGHBOURS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
DROPPED = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
"""Statements that may be left out. A name's assignment is not among them: without it nearly everything fails."""


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the bytes from `start` to `stop` become `text`."""

    path: str
    source: bytes = field(repr=False)
    line: int
    start: int
    stop: int
    text: str

    def applied(self) -> bytes:
        return self.source[: self.start] + self.text.encode() + self.source[self.stop :]

    def parses(self) -> bool:
        try:
            ast.parse(self.applied())
        except SyntaxError:
            return False
        return True

    def key(self) -> str:
        """What stays the same while the file does."""
        told = [self.path, hashlib.sha256(self.source).hexdigest(), self.start, self.stop, self.text]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def diff(self) -> str:
        """The lines that change."""
        before, after = (data.decode().splitlines() for data in (self.source, self.applied()))
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
        return "\n".join(f"    {line}" for line in lines if not line.startswith("@@"))


@dataclass(frozen=True)
class Trial:
    """What the tests said of a mutant."""

    mutant: Mutant
    complaint: str
    """Of pytest; empty if the mutant survived."""
    seconds: float

    @property
    def killed(self) -> bool:
        return bool(self.complaint)


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = {}
    for node, text in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        stop = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        found[start, stop, text] = Mutant(path, source, node.lineno, start, stop, text)
    return [found[key] for key in sorted(found)]


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of them at random. One in a thousand is no Python (other quotes in an f-string) and is passed over."""
    drawn = random.Random(seed).sample(mutants, len(mutants))
    return list(islice((mutant for mutant in drawn if mutant.parses()), count))


def _changes(node: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """(node, what its text becomes), for what changes behaviour."""
    yield from _changes_here(node)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            # The text between the values of an f-string is what people read; its wording is no test's matter.
            words = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)
            if isinstance(child, ast.AST) and not words and not _says_nothing(child):
                yield from _changes(child)


def _says_nothing(node: ast.AST) -> bool:
    """Docstrings and `...`, protocols, the names for `import *`, names of types, and what only a type checker runs."""
    match node:
        case ast.Assign(value=ast.Subscript(value=ast.Name(id="Literal"))):
            return True
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.ClassDef(bases=[ast.Name(id="Protocol")]):
            return True
    return False


def _changes_here(node: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    match node:
        case ast.Compare(ops=[operator]):
            yield node, _unparsed(node, ops=[NEIGHBOURS[type(operator)]()])
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in NEIGHBOURS:
            yield node, f"({_unparsed(node, op=NEIGHBOURS[type(operator)]())})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from ((node, f"({value + step})") for step in (-1, 1))
        case ast.Constant(value=str(value) | bytes(value)) if value:
            yield node, repr(value[:0])
        case ast.Call(func=ast.Name(id="sorted"), args=[first, *_]):
            yield node, f"list({ast.unparse(first)})"
        case ast.Call(func=ast.Name(id="max" | "min")):  # the order of their arguments makes no difference
            return
        case ast.Call(args=[first, second, *rest]) if not isinstance(first, ast.Starred):
            yield node, _unparsed(node, args=[second, first, *rest])
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield node, "return None"
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.comprehension(ifs=tests):
            yield from ((test, f"(not ({ast.unparse(test)}))") for test in tests)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield node, "pass"
    if isinstance(node, DROPPED):
        yield node, "pass"


def _unparsed(node: ast.AST, **changed: object) -> str:
    twin = copy.copy(node)
    for name, value in changed.items():
        setattr(twin, name, value)
    return ast.unparse(twin)


def modules(names: Sequence[str]) -> list[str]:
    """The files under these names, less the kernels: their tests hold them to references, and they compile slowly."""
    found = (file for name in names for file in [ROOT / name, *(ROOT / name).rglob("*.py")] if file.is_file())
    paths = sorted({str(file.relative_to(ROOT)) for file in found})
    return [path for path in paths if not path.startswith("pipeline/kernels/")]


@cache
def checked_by(path: str, near: bool = False) -> list[tuple[str, ...]]:
    """What is run for a module: its mirror; its neighbours'; unless `near`, the tests that import it and the core's."""
    folder, stem = "tests" / Path(path).parent, Path(path).stem
    # `test_plan_lines.py` is of `plan.py` as `test_plan.py` is.
    mirror = sorted(str(test.relative_to(ROOT)) for test in (ROOT / folder).glob(f"test_{stem}*.py"))
    # Beside a module of `pipeline/` itself lie all the tests of the core.
    beside = [str(folder)] if (ROOT / folder).is_dir() and len(folder.parts) > 2 else []
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package, _, own = name.rpartition(".")
    naming = re.compile(rf"(from|import) {re.escape(name)}\b(?!\.)|from {re.escape(package)} import .*\b{own}\b")
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    importing = [str(test.relative_to(ROOT)) for test in tests if naming.search(test.read_text())]
    around = [] if near else [*importing, *CORE]
    return [tuple(dict.fromkeys(some)) for some in (mirror, beside, around) if some]


class Tree:
    """A copy of the project, at a place that stays the same, so that numba finds its compiled kernels again."""

    def __init__(self, number: int, near: bool, log: Log) -> None:
        self._near, self._log = near, log
        of = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]  # two checkouts may be measured side by side
        self.folder = Path(tempfile.gettempdir(), f"orefine-mutants-{os.getuid()}-{of}", str(number))
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, self.folder / name)

    def complaint(self, tests: Sequence[str], limit: float | None) -> str:
        """What pytest says if these tests do not all pass within the limit; empty if they do."""
        settings = {"PYTHONPATH": str(self.folder), "NUMBA_CACHE_DIR": str(self.folder.parent / "kernels")}
        # Without byte code every trial would compile all files again.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *tests, "-x", "-m", FAST, "-p", "no:cacheprovider"],
            cwd=self.folder, env=environment | settings, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
            try:
                said, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with what its tests have started
                return TOO_SLOW
        return said or "died" if process.returncode else ""

    def complaint_about(self, mutant: Mutant) -> str:
        """What its tests say of the mutant; empty if it survives."""
        for tests in checked_by(mutant.path, self._near):
            limit = self._limit(tests)
            try:
                self._write(mutant.path, mutant.applied())
                if said := self.complaint(tests, limit):
                    return said
            finally:
                self._write(mutant.path, mutant.source)
        return ""

    def _limit(self, tests: tuple[str, ...]) -> float:
        """Seconds that these tests may take. Raises RuntimeError if they fail by themselves: nothing could be told."""
        if tests not in self._log.seconds:
            began = time.monotonic()
            if said := self.complaint(tests, None):
                raise RuntimeError(f"tests fail on the untouched tree; mend that first:\n{said[-2000:]}")
            self._log.passed(tests, time.monotonic() - began)
        return max(SHORTEST_LIMIT, PATIENCE * self._log.seconds[tests])

    def _write(self, path: str, source: bytes) -> None:
        file = self.folder / path
        file.write_bytes(source)
        # Python takes byte code for current if size and second are the same, as they are for `<` and `>`.
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            compiled.unlink()


class Log:
    """Fates that are known from before, one JSON line each. Without a file it remembers nothing."""

    def __init__(self, path: Path | None, near: bool) -> None:
        self._path = path
        self._tests = f"{_hash_of('tests')} {'near' if near else 'all'}"
        text = path.read_text() if path and path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        self._known = {line["mutant"]: line for line in lines if "mutant" in line}
        self._tree = _hash_of("pipeline", "stages", "flows", "tests")
        self.seconds = {tuple(line["passed"]): line["seconds"] for line in lines if line.get("tree") == self._tree}
        """Of tests that pass on the untouched tree."""

    def known(self, mutant: Mutant) -> Trial | None:
        line = self._known.get(mutant.key())
        if line is None or not (line["complaint"] or line["tests"] == self._tests):
            return None
        return Trial(mutant, line["complaint"], line["seconds"])

    def add(self, trial: Trial) -> None:
        line = {"mutant": trial.mutant.key(), "tests": self._tests, "seconds": trial.seconds}
        # What people read; of a complaint its end, which names the test.
        told = {"complaint": trial.complaint[-500:], "place": f"{trial.mutant.path}:{trial.mutant.line}"}
        self._write(line | told | {"diff": trial.mutant.diff()})

    def passed(self, tests: tuple[str, ...], seconds: float) -> None:
        self.seconds[tests] = seconds
        self._write({"passed": tests, "tree": self._tree, "seconds": seconds})

    def _write(self, line: dict[str, object]) -> None:
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _hash_of(*folders: str) -> str:
    """Of the Python files below them."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def try_all(
    chosen: Sequence[Mutant], jobs: int, near: bool, log: Log, tell: Callable[[str], None], until: float = math.inf
) -> list[Trial]:
    """Each mutant's fate, told as it becomes known; of those that are not begun until then, none."""
    for mutant in chosen:  # before the trees are copied: a test file written meanwhile is in none of them
        checked_by(mutant.path, near)
    trees: SimpleQueue[Tree] = SimpleQueue()
    for number in range(jobs):
        trees.put(Tree(number, near, log))

    def try_one(mutant: Mutant) -> Trial | None:
        if (known := log.known(mutant)) or time.monotonic() > until:
            return known
        tree, began = trees.get(), time.monotonic()
        try:
            trial = Trial(mutant, tree.complaint_about(mutant), time.monotonic() - began)
        finally:
            trees.put(tree)
        log.add(trial)
        tell(f"{'killed  ' if trial.killed else 'SURVIVED'} {trial.seconds:5.1f} s  {mutant.path}:{mutant.line}")
        return trial

    with ThreadPoolExecutor(jobs) as threads:
        return [trial for trial in threads.map(try_one, chosen) if trial]


def table(trials: Sequence[Trial]) -> list[str]:
    """Killed of tried and seconds per module, then in all, then what survived."""
    by_path = defaultdict(list)
    for trial in trials:
        by_path[trial.mutant.path].append(trial)
    lines = [f"{'module':<36} {'mutants':>8} {'killed':>7} {'share':>7} {'seconds':>8}"]
    for name, some in [*sorted(by_path.items()), ("all", trials)]:
        killed = sum(trial.killed for trial in some)
        seconds = sum(trial.seconds for trial in some)
        lines.append(f"{name:<36} {len(some):>8} {killed:>7} {killed / len(some):>7.1%} {seconds:>8.0f}")
    lines.append(f"killed by being too slow: {sum(trial.complaint == TOO_SLOW for trial in trials)}")
    for trial in trials:
        if not trial.killed:
            lines.append(f"\nsurvived: {trial.mutant.path}:{trial.mutant.line}\n{trial.mutant.diff()}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", help="a file or folder under pipeline/; may be repeated")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--near", action="store_true", help="only the tests beside the module: quicker, fewer kills")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin none after so long")
    parser.add_argument("--log", type=Path, help="a file that keeps what is known; the same command goes on with it")
    options = parser.parse_args()
    paths = modules(options.module or ["pipeline"])
    everything = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_bytes())]
    chosen = sample(everything, options.count, options.seed)
    log, until = Log(options.log, options.near), time.monotonic() + 60 * options.minutes

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    trials = try_all(chosen, options.jobs, options.near, log, tell, until)
    print(f"{len(everything)} mutants in all; {len(trials)} of {len(chosen)} tried, seed {options.seed}")
    # Tried as drawn, so that what a stopped call leaves is a sample too; shown by place.
    print("\n".join(table(sorted(trials, key=lambda trial: (trial.mutant.path, trial.mutant.start)))))


if __name__ == "__main__":
    main()
