"""`orefine run --pilot`: the levels before, a few documents through the step, and a page."""

from pathlib import Path

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """dataset: toy
l0_collect: {{source: {{kind: parquet}}}}
l3_synthesize: {{steps: [{step}]}}
"""
REWRITE = "{kind: rewrite, engine: template, prompts: [rephrase, question_answer], price_per_million: {completion: 2}}"


def arguments(folder: Path, step: str = REWRITE) -> list[str]:
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(step=step))
    path = write_parquet(folder / "in.parquet", rows(12))
    return ["run", str(recipe), "--input", str(path), "--store", str(folder / "store"), "--runner", "inline"]


def test_a_pilot_tries_every_prompt_and_publishes_nothing(tmp_path: Path):
    found = result_of(orefine(*arguments(tmp_path), "--pilot", "4", "--json"))
    assert (found["documents"], found["of"], found["asked"]) == (4, 12, 8)
    assert {row["asked"] for row in found["prompts"].values()} == {4}
    assert found["whole"]["requests"] == 12  # the run itself asks one prompt of each
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert "People who study" in page
    assert not (tmp_path / "store" / "releases").exists()
    assert not (tmp_path / "store" / "l3_synthesize").exists()


def test_what_a_pilot_asked_the_run_does_not_ask_again(tmp_path: Path):
    orefine(*arguments(tmp_path), "--pilot", "12")
    parts = sorted((tmp_path / "store" / "ledger").iterdir())
    orefine(*arguments(tmp_path), "--json")
    assert sorted((tmp_path / "store" / "ledger").iterdir()) == parts


def test_a_recipe_without_a_model_is_told(tmp_path: Path):
    done = orefine(
        *arguments(tmp_path, "{kind: tasks, datasets: [{name: leg_counting, count: 1}]}"), "--pilot", "4", code=2
    )
    assert "the recipe has none: add `rewrite`" in done.stderr
