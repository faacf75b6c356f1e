"""What a store keeps of language models, and how it is taken out."""

from pathlib import Path

from pipeline.run.ledger import Ledger
from pipeline.steps import Reply
from pipeline.store.local import LocalStore
from tests.flows.helpers import orefine, result_of


def fill(folder: Path) -> None:
    ledger = Ledger(LocalStore(folder))
    for number in range(5):
        reason = "length" if number == 0 else "stop"
        prompt = "rephrase@1" if number < 3 else "rephrase@2"
        ledger.record(Reply(f"{number:016x}", "A text.", reason, 30, 10, prompt=prompt, model="m@1", cached_tokens=20))
    ledger.flush()


def test_replies_are_counted_by_prompt_and_model(tmp_path: Path):
    assert "no replies yet" in orefine("ledger", "--store", tmp_path).stdout
    fill(tmp_path)
    assert (
        "rephrase@1 by m@1: 3 replies, 30 tokens, 1 cut by their limit" in orefine("ledger", "--store", tmp_path).stdout
    )
    shown = result_of(orefine("ledger", "--store", tmp_path, "--json"))["replies"]
    counts = {"prompt_tokens": 90, "cached_tokens": 60, "completion_tokens": 30, "stop": 2, "length": 1}
    assert shown[0] == {"prompt": "rephrase@1", "model": "m@1", "replies": 3, **counts}
    assert [entry["prompt"] for entry in shown] == ["rephrase@1", "rephrase@2"]


def test_only_what_is_named_is_pruned(tmp_path: Path):
    fill(tmp_path)
    assert "give --prompt, --model or both" in orefine("ledger", "--store", tmp_path, "--prune", code=2).stderr
    assert result_of(orefine("ledger", "--store", tmp_path, "--prune", "--prompt", "rephrase@1", "--json")) == {
        "pruned": 3
    }
    (left,) = result_of(orefine("ledger", "--store", tmp_path, "--json"))["replies"]
    assert (left["prompt"], left["replies"]) == ("rephrase@2", 2)
    assert result_of(orefine("ledger", "--store", tmp_path, "--prune", "--model", "other", "--json")) == {"pruned": 0}
