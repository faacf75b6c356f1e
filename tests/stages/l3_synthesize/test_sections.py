"""What the report shows of L3, from rows as the step writes them."""

from types import SimpleNamespace

import pyarrow as pa

from pipeline.books.accounting import Ending, Tokens
from stages.l3_synthesize.prompts.prompt import find_prompt
from stages.l3_synthesize.sections import SECTIONS
from tests.stages.l3_synthesize.prompts.golden import GOLDEN, source_of

ENDING = Ending(accept=9, accepted=3, budget_tokens=100, tokens=104, ended_by="budget_tokens")


def view(*names: str) -> SimpleNamespace:
    prompts = [find_prompt(name) for name in names]
    rows = [
        {
            "id": f"{place:032x}",
            "text": prompt.read(GOLDEN[prompt.name], source_of(prompt.name)),
            "source_text": source_of(prompt.name),
            "prompt": prompt.id,
            "parent_id": "a",
            "program": GOLDEN[prompt.name] if prompt.form.kind == "edits" else None,
        }
        for place, prompt in enumerate(prompts)
    ]
    return SimpleNamespace(
        step={"kind": "rewrite", "prompts": [prompt.model_dump(mode="json") for prompt in prompts]},
        at_step=SimpleNamespace(
            dropped={"preamble": 7}, tokens={"p@1": {"accepted": Tokens(requests=3)}}, ending=ENDING
        ),
        rows=lambda role: [pa.RecordBatch.from_pylist(rows)],
    )


def shown(*names: str) -> dict[str, str]:
    return {section.title: str(section.body) for section in SECTIONS["rewrite"](view(*names))}


def test_each_reject_rate_stands_beside_the_defects_that_its_check_catches():
    found = shown("rephrase", "guided_rewrite", "edit", "faq", "rephrase_zh")
    assert list(found) == ["Tokens and cost", "Sources and rewrites", "Output checks", "Variety"]
    assert "3 of 9 rows accepted with 104 of 100 tokens; the budget of tokens is spent." in found["Tokens and cost"]
    (row,) = (line for line in found["Output checks"].split("<tr>") if line.startswith("<td>preamble"))
    assert '<td class="n">7</td>' in row
    assert row.count('<td class="n">5</td>') == 3  # planted, caught, and as many good ones
    assert '<td class="n">0</td>' in row  # of which none was refused


def test_rows_of_another_step_have_no_sections_of_this_one():
    strange = view("rephrase")
    strange.rows = lambda role: [pa.RecordBatch.from_pylist([{"id": "1", "text": "A."}])]
    assert [section.title for section in SECTIONS["rewrite"](strange)] == ["Tokens and cost"]
