"""Prompt files: what a model is told, and what a wrong file is told."""

from pathlib import Path

import pytest

from stages.l3_synthesize.prompts.prompt import FOLDER, PLACEHOLDER, find_prompt, load_prompt

OURS = sorted(path.stem for path in FOLDER.glob("*.md"))
PLAIN = (
    "---\nname: mine\nversion: 1\nabout: Says it.\nform: {kind: prose}\n---\n# system\nSay it.\n# user\n{document}\n"
)


def write(folder: Path, text: str) -> Path:
    (folder / "mine.md").write_text(text, encoding="utf-8")
    load_prompt.cache_clear()
    return folder / "mine.md"


@pytest.mark.parametrize("name", OURS)
def test_ours_are_named_like_their_files_and_hold_the_document_once(name: str):
    prompt = find_prompt(name)
    assert prompt.name == name
    document = f"Braces {{x}} and {PLACEHOLDER} and \\frac{{a}}{{b}} stay."
    messages = prompt.messages(document)
    assert messages[1][1].count(document) == 1
    assert [role for role, _ in messages] == ["system", "user", "assistant"][: len(messages)]


def test_the_hash_follows_what_the_model_sees_and_not_how_the_answer_is_read(tmp_path: Path):
    def sha(text: str) -> str:
        return load_prompt(write(tmp_path, text)).sha256

    first = sha(PLAIN)
    assert sha(PLAIN.replace("{kind: prose}", "{kind: pairs}").replace("Says it", "Tells it")) == first
    seen = [("version: 1", "version: 2"), ("Say it.", "Tell it."), ("{document}\n", "Text: {document}\n")]
    others = [sha(PLAIN.replace(*change)) for change in seen] + [sha(f"{PLAIN}# assistant\nSo\n")]
    assert len({first, *others}) == 5


def test_prompts_are_found_by_name_by_version_and_by_path(tmp_path: Path):
    assert find_prompt("rephrase").id == find_prompt("rephrase@1").id == "rephrase@1"
    assert find_prompt(str(write(tmp_path, PLAIN))).id == "mine@1"
    for unknown in ("reprase", "rephrase@2", "../prompts/rephrase", "prompt.py"):
        message = f"'{unknown}' is not known; there are conversation@1, .*, or give the path"
        with pytest.raises(ValueError, match=message):
            find_prompt(unknown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("---\nname", "name"), "must begin with YAML between two lines ---"),
        (("{document}", "this"), r"must hold \{document\} exactly once, in the part `# user`"),
        (("{document}", "{document} {document}"), r"must hold \{document\} exactly once"),
        (("Say it.", "Say {document}"), r"must hold \{document\} exactly once"),
        (("version: 1", "version: one"), "version: Input should be a valid integer"),
        (("about:", "abuot:"), "about: Field required"),
        (("prose", "poem"), "form: Input tag 'poem'"),
        (("name: mine", "name: [mine"), "mine.md': while parsing"),
        (("name: mine", "name: mine\nname: yours"), "mine.md': .*name"),
    ],
)
def test_a_wrong_file_is_told_what_it_should_be(tmp_path: Path, change: tuple[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        load_prompt(write(tmp_path, PLAIN.replace(*change)))
    with pytest.raises(ValueError, match=r"absent\.md' cannot be read"):
        find_prompt(str(tmp_path / "absent.md"))
