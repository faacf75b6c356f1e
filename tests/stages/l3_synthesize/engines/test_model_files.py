"""What a model folder must hold before a run may start with it."""

import json
from pathlib import Path

import pytest

from stages.l3_synthesize.engines.model_files import license_of, problems_of
from stages.l3_synthesize.rewrite import Rewrite


def folder(path: Path, *names: str, template: str | None = None) -> str:
    for name in names:
        (path / name).write_text("{}")
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template} if template else {}))
    return str(path)


FILES = ("config.json", "tokenizer.json", "model.safetensors")


def test_a_folder_with_a_chat_template_is_good(tmp_path: Path):
    assert problems_of(folder(tmp_path, *FILES, template="{{ messages }}")) == []
    (tmp_path / "tokenizer_config.json").unlink()
    (found,) = problems_of(str(tmp_path))
    assert "has no chat template" in found
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert list(Rewrite(model=str(tmp_path)).resolve()) == []


def test_a_base_model_is_refused_for_it_cannot_be_asked(tmp_path: Path):
    (found,) = Rewrite(model=folder(tmp_path, *FILES)).resolve()
    assert found.startswith(f"model '{tmp_path}' has no chat template")


@pytest.mark.parametrize(
    ("gone", "named"),
    [("config.json", "config.json"), ("tokenizer.json", "a tokenizer"), ("model.safetensors", "weights")],
)
def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, gone: str, named: str):
    names = [name for name in FILES if name != gone]
    (found,) = problems_of(folder(tmp_path, *names, template="x"))
    assert f"lacks {named}" in found


def test_what_is_neither_folder_nor_hub_id_is_refused(tmp_path: Path):
    (tmp_path / "model.gguf").touch()
    for name in (str(tmp_path / "none"), "./none", "a/b/c", str(tmp_path / "model.gguf")):
        assert "is no folder; give a model folder, a hub id" in problems_of(name)[0]


def test_a_hub_id_that_cannot_be_had_is_refused(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (found,) = problems_of("nobody/no-such-model-of-ours")
    assert found.startswith("model 'nobody/no-such-model-of-ours' is no folder here, and as a hub id it cannot be had")
    # The template engine needs no model.
    assert list(Rewrite(engine="template", model="nobody/none").resolve()) == []


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("---\nlicense: apache-2.0\ntags: [x]\n---\n# Model", "apache-2.0"),
        ('---\ntags: [x]\nlicense: "llama3.2"\n---\n', "llama3.2"),
        ("# Model\nlicense: mit", ""),
        ("", ""),
    ],
)
def test_the_licence_is_what_the_models_readme_says(tmp_path: Path, card: str, found: str):
    (tmp_path / "README.md").write_text(card)
    assert license_of(str(tmp_path)) == found


def test_without_a_readme_no_licence_is_made_up(tmp_path: Path):
    assert license_of(str(tmp_path)) == license_of("owner/name") == ""
    assert license_of("smollm2-135m") == "apache-2.0"
