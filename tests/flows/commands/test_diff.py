"""What `orefine diff` says of two versions made in a known way."""

from pathlib import Path

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: [x]}}
l1_filter: {steps: [{kind: exact_duplicates}]}
l2_select: {steps: [{kind: top_fraction, column: quality_score, fraction: 0.5}]}
"""


def scored(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    return [entry | {"source": f"s{number % 2}"} for number, entry in enumerate(entries)]


def test_rows_come_and_go_with_their_reasons(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(RECIPE.partition("l2_select")[0])
    store, folder = tmp_path / "store", tmp_path / "in"
    write_parquet(folder / "a.parquet", scored(rows(6)))

    def run(*settings: str) -> str:
        arguments = ("run", tmp_path / "r.yaml", "--input", folder, "--store", store, "--json", *settings)
        return str(result_of(orefine(*arguments))["version"])

    first = run()
    write_parquet(folder / "b.parquet", scored(rows(4, first=4)))  # two are there already
    second = run()
    found = result_of(orefine("diff", f"toy@{first}", "--store", store, "--json"))
    assert found["rows"] == [6, 8]
    assert found["added"] == {"not in its input": 2}
    assert (found["gone"], found["changed"], found["settings"]) == ({}, 0, [])
    assert (found["inputs_added"], found["inputs_gone"]) == (1, 0)
    assert found["groups"] == {"source": {"s0": [3, 4], "s1": [3, 4]}}

    (tmp_path / "r.yaml").write_text(
        RECIPE.partition("l2_select")[0].replace("exact_duplicates}", "exact_duplicates}, {kind: gopher_quality, "
                                                 "min_doc_words: 100000}").replace("steps:", "alarm: null, steps:")
        + "allow_empty: true\n"
    )  # fmt: skip
    third = run()
    back = result_of(orefine("diff", f"toy@{second}", f"toy@{third}", "--store", store, "--json"))
    assert back["gone"] == {"l1_filter: gopher_quality.too_few_words": 8}
    assert back["settings"][0] == "l1_filter: step 02 gopher_quality only in the later version"
    again = result_of(orefine("diff", f"toy@{third}", f"toy@{second}", "--store", store, "--json"))
    assert again["added"] == back["gone"]
    lines = orefine("diff", f"toy@{second}", f"toy@{third}", "--store", store).stdout
    assert "rows 8 → 0: 0 came, 8 went, 0 have another text" in lines
