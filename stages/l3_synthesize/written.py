"""A row that a model wrote, and what it says of itself.

| column            | type    | meaning                                                                       |
|-------------------|---------|-------------------------------------------------------------------------------|
| parent_id         | string  | id of the document it was written from                                        |
| prompt            | string  | the prompt and its version, such as `rephrase@1`                              |
| model             | string  | name and revision                                                             |
| finish_reason     | string  | as the engine reports it                                                      |
| prompt_tokens     | int32   |                                                                               |
| completion_tokens | int32   |                                                                               |
| source_text       | string  | the passage of the parent that the model saw: the evidence that L4 checks by  |
| coverage          | float32 | that passage's share of the parent, in characters                             |
| form              | string  | JSON: the form that the text has, which L4's step format checks               |
| task              | string  | JSON: how a program checks the answer in it, and the answer; null if it cannot |
| program           | string  | the edits that made it of source_text; null if the model wrote it             |
| model_license     | string  | the model's, as the recipe or the model's README says; empty if neither does  |
| source_license    | string  | the parent's, as its page said at L0; empty if it did not                     |

"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from pipeline.steps import Reply, Request
from stages.l3_synthesize.prompts.prompt import Prompt

COLUMNS = (
    *(pa.field(name, pa.string()) for name in ("parent_id", "prompt", "model", "finish_reason", "source_text")),
    pa.field("prompt_tokens", pa.int32()),
    pa.field("completion_tokens", pa.int32()),
    pa.field("coverage", pa.float32()),
    *(pa.field(name, pa.string()) for name in ("form", "task", "program", "model_license", "source_license")),
)


def written(request: Request, reply: Reply, text: str, prompt: Prompt, model: str, license: str) -> dict[str, Any]:
    """The new row's text and columns."""
    task = prompt.form.task(text)
    return {
        "text": text,
        "parent_id": request.parent.id,
        "prompt": request.prompt,
        "model": model,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "source_text": request.shown,
        "coverage": len(request.shown) / len(request.parent.text.strip()),
        "form": prompt.form_stored,
        "task": json.dumps(task, ensure_ascii=False) if task else None,
        "program": reply.text if prompt.form.kind == "edits" else None,
        "model_license": license,
        "source_license": request.parent.columns.get("license") or "",
    }
