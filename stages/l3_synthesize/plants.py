"""Defects planted into good replies, one of each kind that `output_checks` names: what a check should catch.

A check that no defect has been shown to cannot be trusted, and its reject rate says little without the share of defects
that it misses. The phrases are those of chat models, in English and Chinese, written down apart from the lexicons that
look for them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from stages.l3_synthesize.prompts.prompt import PLACEHOLDER, Prompt
from stages.l3_synthesize.words import HAN

SENTENCE = re.compile(r"[^.!?\u3002\uff01\uff1f\n]*+(?:[.!?\u3002\uff01\uff1f]+[\"')\u201d\u300d]*\s*|\n+|\Z)")
IS_HAN = re.compile(f"[{HAN}]")
TOKENS = (
    "<|im_end|>", "<|im_start|>user", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<|eot_id|>",
    "<|start_header_id|>assistant<|end_header_id|>", "<start_of_turn>model", "<end_of_turn>", "<|end|>",
    "<|assistant|>",
    "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<|START_OF_TURN_TOKEN|>", "[gMASK]<sop>", "<|start_of_role|>",
    "<|channel|>final<|message|>", "<|endoftext|>",
)  # fmt: skip
"""ChatML, Llama 2 and 3, Mistral, Gemma, Phi, DeepSeek, Command, GLM, Granite, Harmony, GPT-2."""
ROLES = {"en": ("assistant", "user:", "System:", "ASSISTANT:"), "zh": ("用户：", "助手：", "assistant", "user:")}
REFUSALS = {
    "en": (
        "I'm sorry, but I can't help with that.", "I am sorry, but this text cannot be rewritten by me.",
        "I cannot assist with this request.", "I can't provide a rewrite of this content.",
        "As an AI language model, I do not have personal opinions.", "As an AI, I'm not able to do this.",
        "I'm unable to fulfil this request.", "I am not able to rewrite copyrighted text.",
        "I apologize, but I cannot complete this request.", "Unfortunately, I can't help you with this text.",
        "Sorry, I can't do that.", "I'm just an AI and cannot judge this.", "I must decline this request.",
        "I won't be able to help with this passage.",
    ),
    "zh": (
        "抱歉，我无法完成这个请求。", "对不起，我不能改写这段文字。", "作为一个人工智能，我没有个人观点。",
        "作为AI助手，我不能提供这些内容。", "很抱歉，这个问题我没办法回答。", "我无法协助您处理这段内容。",
        "我只是一个语言模型，不能做出判断。", "很遗憾，我不能满足您的要求。", "作为大语言模型，我不具备这种能力。",
        "不好意思，我不能提供帮助。", "抱歉，您的请求我不能满足。", "我不能回答这个问题。",
    ),
}  # fmt: skip
PREAMBLES = {
    "en": (
        "Sure! ", "Certainly!\n", "Of course. ", "Sure, here you go:\n", "Here is the rewritten text:\n",
        "Here's a rephrased version of the passage:\n\n", "Absolutely! ", "Okay, ", "Below is the revised text:\n",
        "The following is a summary of the text:\n", "Rewritten text:\n", "**Rewritten version:**\n",
        "Here are the questions and answers:\n", "Got it. ", "I have rewritten the text as follows:\n",
        "Here is my rewrite:\n", "Great question! ", "Here is a clearer version:\n",
    ),
    "zh": (
        "好的，", "当然！", "当然可以。", "以下是改写后的文本：\n", "下面是重写的版本：\n", "改写后的文章如下：\n",
        "没问题，",
        "好的，以下是改写：\n", "改写：", "**改写后的内容：**\n", "以下是为您整理的问答：\n", "我已将原文改写如下：\n",
        "根据您的要求，改写如下：\n", "明白了。",
    ),
}  # fmt: skip
CLOSERS = {
    "en": (
        "I hope this helps!", "Let me know if you need anything else.", "Please let me know if you have questions.",
        "Feel free to ask for changes.", "Is there anything else I can help with?",
        "If you have any further questions, just ask.", "Note that I have kept all of the facts.",
        "This rewritten version keeps the essential content.", "Hope this helps!", "I hope that meets your needs.",
        "Would you like me to shorten it?", "Let me know what you think!",
    ),
    "zh": (
        "希望以上内容对您有帮助。", "如果还有其他问题，请告诉我。", "如有需要，请随时联系我。",
        "希望这能满足您的要求。",
        "还有什么可以帮您的吗？", "请随时提问。", "如需进一步修改，请告诉我。", "希望对你有所帮助！",
        "如果您有任何疑问，请随时提出。", "需要我再精简一些吗？",
    ),
}  # fmt: skip
ABOUT = {
    "en": (
        "The text discusses this subject. ", "This passage describes the facts. ", "The article explains the matter. ",
        "According to the given text, it is so. ", "The author argues for it. ", "The document provides details. ",
        "As the passage says, this is known. ", "The original text mentions it. ", "This article is about it. ",
        "The provided passage gives an overview. ",
    ),
    "zh": (
        "本文介绍了这个主题。", "这段文字讲的是有关情况。", "该文章主要描述了事实。", "作者认为这很重要。",
        "根据上述文本，情况如此。", "文章讨论了这个问题。", "这篇文章讲述了经过。", "原文提到了这一点。",
        "文中介绍了有关情况。", "该段落说明了原因。",
    ),
}  # fmt: skip
THOUGHTS = {
    "en": ("<think>The user wants a rewrite of this.\n", "<think>\n</think>\n", "Let me see. </think>", "<thinking>"),
    "zh": ("<think>用户想要改写这段文字。\n", "<think>\n</think>\n", "我先想一想。</think>", "<thinking>"),
}
FOREIGN = {
    "en": "这座城市位于河边，历史悠久，每年有许多游客来到这里。老城里的房屋保存完好，周末的集市很热闹。"
    "河上的桥是十九世纪修建的，此前的木桥毁于大火。居民多在附近的工厂和学校工作，夏天常在河里游泳。",
    "zh": "The city lies beside a river and has a long history, and every year many visitors come to see it. The "
    "houses of its old town are well kept, and the market at the weekend is lively. Its bridge was built in the "
    "nineteenth century, since the wooden one before it had burnt down.",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What `reason_to_refuse` judges, and what may be planted in it."""

    prompt: Prompt
    source: str
    answer: str
    finish_reason: str = "stop"
    siblings: tuple[str, ...] = ()
    foreign: str = ""
    """A text in another language; a built-in one if empty."""

    @property
    def tongue(self) -> str:
        return "zh" if len(IS_HAN.findall(self.answer)) > len(self.answer) / 4 else "en"

    @property
    def text(self) -> str:
        return str(self.prompt.read(self.answer, self.source))


Phrases = Mapping[str, tuple[str, ...]]
"""Language → what a model says."""
Plant = Callable[[Case, Random], Case | None]
"""The case with a defect in it, or None where it can have none."""


def sentences(text: str) -> list[str]:
    return [part for part in SENTENCE.findall(text) if part.strip()]


def lead(phrases: Phrases) -> Plant:
    """One of the phrases in front of the text."""
    return lambda case, chance: _inside(case, lambda text: chance.choice(phrases[case.tongue]) + text)


def refuse(phrases: Phrases) -> Plant:
    """A refusal in front of the text, or instead of it."""

    def plant(case: Case, chance: Random) -> Case:
        refusal = chance.choice(phrases[case.tongue])
        return _inside(case, lambda text: f"{refusal} {text}" if chance.random() < 0.5 else refusal)

    return plant


def close(phrases: Phrases) -> Plant:
    """One of the phrases at the end, in a paragraph, a line or the same line."""

    def plant(case: Case, chance: Random) -> Case:
        end = chance.choice(("\n\n", "\n", " ")) + chance.choice(phrases[case.tongue])
        return _inside(case, lambda text: text.rstrip() + end)

    return plant


def _inside(case: Case, change: Callable[[str], str]) -> Case:
    """The case with its text changed, inside the tags if it has any."""
    form = case.prompt.form
    if form.kind != "tagged":
        return replace(case, answer=change(case.answer))
    opening, closing = form.named()
    before, _, rest = case.answer.partition(opening)
    text, _, after = rest.partition(closing)
    return replace(case, answer=f"{before}{opening}{change(text)}{closing}{after}")


def _truncated(case: Case, chance: Random) -> Case:
    cut = case.answer[: chance.randrange(len(case.answer) // 2, len(case.answer))]
    return replace(case, answer=cut, finish_reason="length") if chance.random() < 0.5 else replace(
        case, answer=f"{cut}\n```python\nprint("
    )  # fmt: skip


def _withheld(case: Case, chance: Random) -> Case:
    return replace(case, finish_reason=chance.choice(("content_filter", "abort", "timeout")))


def _role(case: Case, chance: Random) -> Case:
    mark = chance.choice(TOKENS) if chance.random() < 0.7 else f"\n{chance.choice(ROLES[case.tongue])}\n"
    place = chance.choice((0, len(case.answer) // 2, len(case.answer)))
    return replace(case, answer=case.answer[:place] + mark + case.answer[place:])


def _thought(case: Case, chance: Random) -> Case:
    thought = chance.choice(THOUGHTS[case.tongue])
    return replace(case, answer=thought + case.answer if chance.random() < 0.7 else f"{case.answer}\n{thought}")


def _prompt_leak(case: Case, chance: Random) -> Case | None:
    """A whole sentence of the instruction, of eight words or more, or its code."""
    told = f"{case.prompt.system}\n{case.prompt.user.replace(PLACEHOLDER, '')}"
    long = [one.strip() for one in sentences(told) if len(one.split()) >= 9 or len(IS_HAN.findall(one)) >= 14]
    if case.prompt.code:
        long.append(case.prompt.code)
    place = chance.choice((0, len(case.answer)))
    leak = f" {chance.choice(long)} " if long else ""
    return replace(case, answer=case.answer[:place] + leak + case.answer[place:]) if long else None


def _off_format(case: Case, chance: Random) -> Case | None:
    """Without the part that holds the form together: labels, title, bullets, tags, the table's rule."""
    form = case.prompt.form
    if form.kind in ("prose", "edits"):
        return None
    if form.kind == "tagged":
        return replace(case, answer=case.answer.replace(chance.choice(form.named()), ""))
    word = chance.choice(form.named()) if form.named() else "- "
    line = rf"^{re.escape(word)}" if form.kind == "bullets" else rf"^{re.escape(word)}[^\n]*"
    return replace(case, answer=re.sub(line, "", case.answer, flags=re.MULTILINE))


def _language(case: Case, chance: Random) -> Case:
    """The whole answer, or its second half, in another language; in as many letters as the answer has."""
    foreign = case.foreign or FOREIGN[case.tongue]
    parts = sentences(case.text)
    own = "".join(parts[: len(parts) // 3]) if len(parts) > 2 and chance.random() < 0.5 else ""
    return _as_answer(case, f"{own}\n{foreign[: max(len(case.text) - len(own), 80)]}".strip())


def _length(case: Case, chance: Random) -> Case | None:
    parts = sentences(case.text)
    if len(parts) < 3:
        return None
    if chance.random() < 0.5:
        wanted = case.prompt.min_ratio * len(case.source) * 0.6
        kept = case.text[: int(wanted)].rstrip()
        return _as_answer(case, kept) if kept else None
    extra = "".join(f"{one} {place} {two}" for place, (one, two) in enumerate(itertools.pairwise(parts)))
    times = int(case.prompt.max_ratio * len(case.source) / max(len(extra), 1)) + 2
    return _as_answer(case, f"{case.text} " + extra * times)


def _repetition(case: Case, chance: Random) -> Case | None:
    """A sentence said again and again, or the last third of the text once more."""
    parts = sentences(case.text)
    if len(parts) < 3:
        return None
    if chance.random() < 0.6:
        loop = max(parts, key=len) if chance.random() < 0.5 else parts[-1]
        times = max(len(case.text) // (2 * len(loop)), 2)
        return _as_answer(case, "".join(parts[: -(-len(parts) // 3)]) + f"{loop.strip()} " * times)
    third = len(parts) // 3 or 1
    return _as_answer(case, f"{''.join(parts[:-third])} " + " ".join(["".join(parts[-third:])] * 2))


def _copy(case: Case, chance: Random) -> Case | None:
    if not case.prompt.rewrites:
        return None
    parts = sentences(case.source)
    how = chance.randrange(3)
    if how == 1 and len(parts) > 4:
        del parts[chance.randrange(len(parts))]
    if how == 2 and len(parts) > 4:
        place = chance.randrange(1, len(parts))
        parts = [*parts[place:], " ", *parts[:place]]
    return _as_answer(case, "".join(parts))


def _sibling(case: Case, chance: Random) -> Case:
    """A sibling without the shortest sentence, or the same."""
    parts = sentences(case.text)
    shortest = min(parts, key=len)
    few = len(shortest) < len(case.text) / 12
    other = "".join(part for part in parts if part != shortest) if few and chance.random() < 0.5 else case.text
    return replace(case, siblings=(*case.siblings, other))


def _as_answer(case: Case, text: str) -> Case:
    """A text in place of the answer's own; prose only, as other forms would break."""
    opening, closing = case.prompt.form.named() if case.prompt.form.kind == "tagged" else ("", "")
    return replace(case, answer=f"{opening}{text}{closing}")


PLANTS: dict[str, Plant] = {
    "withheld": _withheld,
    "truncated": _truncated,
    "role_leak": _role,
    "reasoning_leak": _thought,
    "refusal": refuse(REFUSALS),
    "preamble": lead(PREAMBLES),
    "closer": close(CLOSERS),
    "about_the_text": lead(ABOUT),
    "prompt_leak": _prompt_leak,
    "off_format": _off_format,
    "language": _language,
    "length_ratio": _length,
    "repetition": _repetition,
    "copy": _copy,
    "repeats_sibling": _sibling,
}
"""The reason that a check gives → how its defect is planted."""
PROSE_ONLY = frozenset({"language", "length_ratio", "repetition", "copy"})
"""Planted by writing another text, which only an answer of free form can be."""
