"""Do L3's output checks catch planted defects, and leave good replies alone? English and Chinese.

    python -m benchmarks.l3_checks DATA [--cases 220] [--seed 1] [--missed]

Good replies are real text, of two kinds, half each. `paragraph`: the source is a paragraph of a Wikipedia article, the
reply is another one of the same article, word by word as people wrote it. `edited`: the reply is the source with its
sentences in another order and words replaced by others of the same meaning. Besides prose, real sentences stand in
lists, under headings and in pairs of question and answer. Into each, one defect of each kind is planted
(stages/l3_synthesize/plants.py); languages are swapped for real paragraphs of the other Wikipedia.

Two draws: `--half tune` are the articles on which the checks were looked at while they were mended, `--half judge`
others that were only counted.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from pipeline.rows.document import content_hash
from stages.l3_synthesize.measure import measure
from stages.l3_synthesize.plants import Case, close, lead, refuse, sentences
from stages.l3_synthesize.prompts.prompt import Prompt, find_prompt
from stages.l3_synthesize.words import count_words

LEAST, MOST = 60, 220
"""Words of a source."""
SAME = {
    "en": {
        "however": "yet", "many": "numerous", "used": "employed", "began": "started", "after": "following",
        "became": "turned into", "built": "constructed", "large": "big", "several": "some", "located": "situated",
        "which": "that", "because": "since", "although": "though", "near": "close to", "first": "initial",
        "include": "comprise", "with": "having", "from": "out of",
        "was": "had been", "has": "possesses", "by": "through",
        "over": "above", "but": "yet", "often": "frequently", "about": "roughly", "when": "once", "their": "these",
        "in": "within", "the": "that", "is": "remains", "to": "towards", "for": "on behalf of", "and": "plus",
    },
    "zh": {
        "并": "而且", "但": "不过", "是": "乃是", "在": "位于", "和": "以及", "也": "亦", "被": "遭", "由": "经由",
        "因": "由于", "为": "成为", "与": "同", "的": "之", "于": "在", "有": "拥有", "后": "之后", "中": "当中",
    },
}  # fmt: skip
ONE_IN = 3
"""Of the words in the table so many are left as they are between two that are replaced, by chance."""
UNSEEN = {
    "refusal": refuse({
        "en": ("I'm afraid I can't rewrite this passage.", "I do not feel comfortable rewriting this.",
               "As a language model, I have no access to that.", "I can't fulfill this request as stated.",
               "I'm sorry, but that is not something I can do.", "I am unable to process the given input.",
               "My guidelines do not allow me to rewrite this.", "Apologies, but I can't assist with it."),
        "zh": ("我不便改写这样的内容。", "很抱歉，我不能协助改写。",
        "身为AI语言模型，我不能表达立场。", "我没办法帮你完成这项工作。",
               "對不起，我無法處理這段文字。",
               "这个请求超出了我的能力范围。", "我不能为您生成此类内容。", "抱歉，这段内容我没法改写。"),
    }),
    "preamble": lead({
        "en": ("Here is an improved version of the text:\n",
        "Sure thing! ", "Okay! Here's the rewrite:\n", "Understood. ",
               "Below you will find the rewritten passage:\n", "Here goes:\n", "Rephrased: ", "Here you are:\n"),
        "zh": ("好，改写如下：\n", "這是改寫後的版本：\n",
        "当然可以！以下是修改后的文字：\n", "按照您的要求改写如下：\n", "收到。",
               "改寫：\n", "以下为修改后的内容：\n", "为您改写如下：\n"),
    }),
    "closer": close({
        "en": ("I hope this version works for you.",
        "Do you want me to make it shorter?", "Happy to adjust it further!",
               "If you would like me to change the tone, just say so.", "Please feel free to contact me again.",
               "Let me know if this works.", "I'd be glad to revise it again.", "Anything else I can do for you?"),
        "zh": ("如果需要调整语气，请告诉我。", "希望這對您有幫助。",
        "欢迎继续提问。", "如有不妥，请指出。", "您还需要其他帮助吗？",
               "需要我把它改得更短吗？", "如您有疑问，欢迎随时联系。", "期待您的反馈。"),
    }),
    "about_the_text": lead({
        "en": ("In this passage, the subject is treated. ",
        "This text is about the matter. ", "The writer describes it. ",
               "The given passage outlines the case. ",
               "The excerpt tells of it. ", "As stated in the text, it is so. ",
               "The article covers it in detail. ", "The passage above explains it. "),
        "zh": ("文章介绍了这一情况。", "這段文字說明了經過。",
        "作者指出了问题所在。", "文中提到了有关情况。", "根据原文，情况如此。",
               "该段文字讲述了经过。", "上面的文字说明了原因。", "原文主要讲述了这件事。"),
    }),
}  # fmt: skip
"""Phrases written down after the lexicons were finished, which were not changed for them."""


def articles(data: Path, tongue: str, half: str) -> Iterator[list[str]]:
    """Paragraphs of articles in the order of the hash of their ids, every second for one half."""
    with gzip.open(data / "wikipedia" / f"{tongue}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, 6000)]
    rows.sort(key=lambda row: content_hash(str(row["id"])))
    for row in rows[half == "judge" :: 2]:
        found = [part.strip() for part in re.split(r"\n+", row["text"]) if len(sentences(part)) >= 4]
        yield [part for part in found if LEAST <= count_words(part) <= MOST and part.rstrip()[-1] in ".!?。！？"]


def edited(text: str, tongue: str, chance: Random) -> str:
    """Sentences in another order, and words replaced by others of the same meaning."""
    parts = sentences(text)
    place = chance.randrange(1, len(parts))
    turned = " ".join(part.strip() for part in parts[place:] + parts[:place]) if tongue == "en" else "".join(
        parts[place:] + parts[:place]
    )  # fmt: skip
    table = SAME[tongue]
    pattern = rf"\b({'|'.join(table)})\b" if tongue == "en" else f"({'|'.join(table)})"
    return re.sub(pattern, lambda match: match[0] if chance.randrange(ONE_IN) else table[match[0]], turned)


def shaped(prompt: Prompt, text: str, tongue: str) -> str:
    """Real sentences in the form of a prompt."""
    parts = [part.strip() for part in sentences(text)]
    form = prompt.form
    if form.kind == "bullets":
        return "\n".join(f"- {part}" for part in parts)
    if form.kind == "sections":
        middle = len(parts) // 2
        return f"# {parts[0][:20]}\n## I\n{' '.join(parts[:middle])}\n## II\n{' '.join(parts[middle:])}"
    if form.kind == "pairs":
        asked = "\uff1f" if tongue == "zh" else "?"
        halves = [part[: len(part) // 2] for part in parts]  # no words of ours, which would repeat from pair to pair
        pairs = zip(halves, parts, strict=True)
        return "\n".join(f"{form.question}: {half}{asked}\n{form.answer}: {part}" for half, part in pairs)
    return f"<{form.tag}>{text}</{form.tag}>" if form.kind == "tagged" else text


PROMPTS = {
    "en": ("rephrase", "rephrase_plain", "rephrase_encyclopaedic", "guided_rewrite", "knowledge_list", "tutorial",
           "faq"),
    "zh": ("rephrase_zh", "rephrase_plain_zh", "rephrase_encyclopaedic_zh", "knowledge_list_zh", "faq_zh"),
}  # fmt: skip


def cases(data: Path, tongue: str, half: str, wanted: int, seed: int) -> list[Case]:
    """As many of prose as `wanted`, so that every check has its number, and more in other forms."""
    other = (part for parts in articles(data, "zh" if tongue == "en" else "en", half) for part in parts)
    found: list[Case] = []
    prose = rest = 0
    for number, parts in enumerate(articles(data, tongue, half)):
        for one, two in zip(parts[::2], parts[1::2], strict=False):
            chance = Random(f"{seed} {number} {len(found)}")
            free = prose < wanted
            names = [name for name in PROMPTS[tongue] if (find_prompt(name).form.stored()["kind"] == "prose") == free]
            prompt = find_prompt(chance.choice(names))
            reply = edited(one, tongue, chance) if len(found) % 2 else two
            ratio = count_words(reply) / count_words(one)
            if not 1.2 * prompt.min_ratio <= ratio <= 0.8 * prompt.max_ratio:
                continue
            found.append(Case(prompt, one, shaped(prompt, reply, tongue), foreign=next(other)))
            prose, rest = prose + free, rest + (not free)
            if prose >= wanted and rest >= wanted:
                return found
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--cases", type=int, default=220)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--half", choices=("tune", "judge"), default="judge")
    arguments.add_argument("--missed", action="store_true", help="print examples of what came through")
    given = arguments.parse_args()
    print("language, check: planted, caught, otherwise refused, recall; good replies refused")
    for tongue in ("en", "zh"):
        good = cases(given.data, tongue, given.half, given.cases, given.seed)
        show(tongue, measure(good, given.seed), given.missed)
        show(f"{tongue} unseen phrases", measure(good, given.seed, UNSEEN), given.missed)


def show(title: str, table: dict[str, dict[str, Any]], missed: bool) -> None:
    for name, row in table.items():
        low, high = row["recall_interval"]
        least, most = row["alarm_interval"]
        print(
            f"{title:18} {name:16}{row['planted']:6}{row['caught']:6}{row['otherwise']:6}{row['recall'] or 0:8.3f}"
            f" [{low:.3f}, {high:.3f}] {row['refused']:5} of {row['good']:4} [{least:.3f}, {most:.3f}]",
            flush=True,
        )
        for example in row["missed"] if missed else ():
            print(f"      came through: {example!r}")


if __name__ == "__main__":
    main()
