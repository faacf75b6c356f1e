"""Which code counts for a step: all that it reaches, in our packages and in the user's, and nothing else."""

import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.books.code import Code, UnknownCode
from pipeline.protocol import PROTOCOL

URL_FILTER = {"pipeline", "pipeline.hosts", *(f"stages.l1_filter.{name}" for name in ("url_filter", "url_lists"))}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


@pytest.fixture
def user(tmp_path: Path, monkeypatch) -> Path:
    """A folder that Python imports from, with a step's package in it."""
    monkeypatch.syspath_prepend(tmp_path)
    write(
        tmp_path,
        {
            "my_steps/__init__.py": "",
            "my_steps/short.py": "import pipeline.steps\nfrom .limits import LIMIT\nimport my_words\n",
            "my_steps/limits.py": "LIMIT = 3\n",
            "my_steps/other.py": "LIMIT = 4\n",
            "my_words.py": "def cut(text):\n    from my_steps.deep import tools\n",
            "my_steps/deep/tools.py": "",
        },
    )
    return tmp_path


def reached(name: str = "my_steps.short") -> set[str]:
    return {*Code().reach(name).modules}


def test_absolute_relative_and_late_imports_count(user: Path):
    assert reached() == {"my_steps", "my_steps.short", "my_steps.limits", "my_words", "my_steps.deep.tools"}


def test_the_core_counts_by_its_number_alone(monkeypatch):
    before = Code().reach("stages.l4_verify.format")
    assert not any(name.startswith(("pipeline.steps", "pipeline.rows", "pipeline.run")) for name in before.modules)
    old = before.version()
    monkeypatch.setitem(PROTOCOL, "pipeline.rows", 99)
    assert before.version() != old


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("from . import other", {"my_steps.other"}),
        ("from my_steps import other, missing", {"my_steps.other"}),
        ("import my_steps.other as o", {"my_steps.other"}),
        ("from my_steps.other import LIMIT as L", {"my_steps.other"}),
        ("from .deep import *", {"my_steps.deep.tools"}),
        ("from importlib import import_module; import_module('my_steps.other')", {"my_steps.other"}),
        ("if TYPE_CHECKING: from . import other", set()),
        ("# from . import other", set()),
    ],
)
def test_each_way_to_import(user: Path, line: str, more: set[str]):
    write(user, {"my_steps/short.py": line})
    assert reached() - {"my_steps", "my_steps.deep"} == {"my_steps.short"} | more


def test_dots_lead_up(user: Path):
    write(user, {"my_steps/deep/tools.py": "from ..other import LIMIT\nfrom .. import limits"})
    assert {*Code().reach("my_steps.deep.tools").modules} == {
        "my_steps",
        "my_steps.deep.tools",
        "my_steps.limits",
        "my_steps.other",
    }


def test_a_folder_without_init_may_lie_in_two_places(user: Path, monkeypatch):
    monkeypatch.syspath_prepend(user / "second")
    write(user, {"wide/deep/a.py": "from wide.deep import b", "second/wide/deep/b.py": ""})
    assert {*Code().reach("wide.deep.a").modules} == {"wide.deep.a", "wide.deep.b"}
    write(user, {"second/wide/deep/b.py": "from . import a"})
    assert {*Code().reach("wide.deep.b").modules} == {"wide.deep.a", "wide.deep.b"}


def test_packages_around_a_module_run_when_it_is_imported(user: Path):
    write(user, {"my_steps/__init__.py": "import my_steps.other", "my_steps/deep/__init__.py": ""})
    assert {"my_steps.other", "my_steps.deep"} <= reached()


def test_levels_only_list_their_steps():
    found = Code().reach("stages.l1_filter.url_filter").modules
    assert {*found} == URL_FILTER


def test_a_step_of_ours_taken_from_its_level_is_that_step_alone(user: Path):
    write(user, {"my_steps/short.py": "from stages.l1_filter import url_filter"})
    assert reached() == {"my_steps", "my_steps.short", *URL_FILTER}
    write(user, {"my_steps/short.py": "from stages.l1_filter import url_filter, Language"})
    assert {"stages.l1_filter", "stages.l1_filter.language"} <= reached()


def test_installed_distributions_count_by_version(user: Path):
    write(user, {"my_words.py": "import yaml, json, numpy.random, not_there_at_all"})
    found = Code().reach("my_steps.short")
    assert {*found.libraries} == {"PyYAML", "numpy", "not_there_at_all"}
    assert found.libraries["not_there_at_all"] == "absent"
    assert found.undeclared == set()


def test_libraries_that_our_own_modules_import_are_for_the_step_to_declare():
    found = Code().reach("stages.l1_filter.url_filter")
    assert "idna" in found.undeclared, "of pipeline.hosts, two imports away"
    assert "numpy" in found.undeclared


def test_an_installed_step_counts_by_its_code_and_its_neighbours_by_version(user: Path):
    write(
        user,
        {
            "mine-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n",
            "mine-1.0.dist-info/top_level.txt": "my_steps\n",
            "words-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: words\nVersion: 2.0\n",
            "words-2.0.dist-info/top_level.txt": "my_words\n",
        },
    )
    found = Code().reach("my_steps.short")
    assert {*found.modules} == {"my_steps", "my_steps.short", "my_steps.limits"}
    assert found.libraries == {"words": "2.0"}
    assert replace(found, libraries={"words": "2.1"}).version() != found.version()


def test_data_files_beside_code_that_looks_for_files_count(user: Path):
    def version() -> str:
        return Code().reach("my_steps.short").version()

    write(user, {"my_steps/list.txt": "a"})
    before = version()
    write(user, {"my_steps/list.txt": "b"})
    assert version() == before
    write(user, {"my_steps/limits.py": "LIMIT = open(__file__ + '/../list.txt')"})
    before = version()
    write(user, {"my_steps/list.txt": "c"})
    assert version() != before
    before = version()
    write(user, {"my_steps/other.py": "LIMIT = 4  # reached by nobody"})
    assert version() == before


def test_compiled_modules_count_by_their_bytes(user: Path):
    import importlib.machinery

    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    write(user, {"my_steps/short.py": "from . import fast", f"my_steps/fast{suffix}": "one"})
    before = Code().reach("my_steps.short").version()
    write(user, {f"my_steps/fast{suffix}": "two"})
    assert Code().reach("my_steps.short").version() != before


def test_what_cannot_be_followed_is_named_with_its_place(user: Path):
    write(user, {"my_words.py": "import importlib\n\nimportlib.import_module(name)\n"})
    with pytest.raises(UnknownCode, match=r"my_words.py:3: `import_module` runs code .* import what 'my_words' needs"):
        reached()


def test_what_is_no_python_is_named_with_its_place(user: Path):
    write(user, {"my_words.py": "x = (\n"})
    with pytest.raises(UnknownCode, match=r"my_words.py:1: '\(' was never closed"):
        reached()


def test_a_step_without_a_file_is_refused():
    with pytest.raises(UnknownCode, match="module 'typed_by_hand' is in no file"):
        reached("typed_by_hand")


def test_a_script_counts(tmp_path: Path, monkeypatch):
    import types

    module = types.ModuleType("loaded_by_hand")
    module.__file__ = str(tmp_path / "script.py")
    write(tmp_path, {"script.py": "x = 1"})
    monkeypatch.setitem(sys.modules, "loaded_by_hand", module)
    assert reached("loaded_by_hand") == {"loaded_by_hand"}


def test_a_package_that_comes_later_is_found(user: Path):
    write(user, {"my_words.py": "import comes_later"})
    code = Code()
    assert code.reach("my_steps.short").libraries == {"comes_later": "absent"}
    write(user, {"comes_later/__init__.py": ""})
    assert {*code.reach("comes_later").modules} == {"comes_later"}
