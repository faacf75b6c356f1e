"""Phrases by which a model's chatter is known, in English and Chinese: both are looked for in every answer.

An announcement names the artefact and ends at a boundary: "Here is the deposit schedule for May." is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# The marks of the common chat formats: ChatML, Llama 2 and 3, Mistral, Gemma, Phi, DeepSeek (wide bars), Command, GLM,
# Granite, Harmony; and a line that is only a role's name.
ROLE = re.compile(
    r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|"
    r"</?(?:start|end)_of_turn>|\[gMASK\]|</?sop>|^(?:assistant|user|system|\u7528\u6237|\u52a9\u624b)\s*(?:[:\uff1a]\s*)?$",
    re.IGNORECASE | re.MULTILINE,
)
REASONING = re.compile(r"</?think", re.IGNORECASE)
# Orders to a model in a page. Only what is said to a model: people, too, ignore instructions.
INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s++(?:(?:all|any|the|your|of|these|every)\s++){0,3}"
    r"(?:(?:previous|prior|above|earlier|preceding|former)\s++(?:instructions?|prompts?|directions?)\b"
    r"|instructions?\s++(?:above|before|given)(?=\s*+[.,;:!])|everything\s++(?:you|above)\b)"
    r"|\byou\s++are\s++now\s++(?:DAN\b|an?\s++(?:\w+\s++){0,2}(?:model|ai|assistant|chatbot)\b)"
    r"|\bfrom\s++now\s++on,?\s++you\s++(?:must|will|should|are\s++to)\s++(?:only\s++)?"
    r"(?:answer|respond|reply|write|act|behave)\b"
    r"|\b(?:reveal|print|repeat|output|show|leak)\s++(?:\w+\s++)?(?:your|the)\s++"
    r"(?:system\s++prompt|hidden\s++instructions)\b"
    r"|\b(?:dear|attention|hey)\s++(?:ai|language\s++model|llm|chatbot)s?\b|^```\s*+system\b"
    r"|(?:忽略|無視|无视|忘记|忘記)(?:以上|之前|前面|上述|此前)?的?(?:所有|全部|一切)?的?(?:指令|指示|提示[词詞]?)"
    r"|你[现現]在是一[个個](?:没有限制|不受限制|[沒没]有任何限制)|(?:输出|輸出|[说說]出|[显顯]示|泄露)你的(?:系[统統]提示|提示[词詞])",
    re.IGNORECASE | re.MULTILINE,
)
INJECTION_WORDS = (
    "ignore", "disregard", "forget", "override", "now", "prompt", "hidden", "dear", "attention", "hey", "```",
    "指令", "指示", "提示", "限制",
)  # fmt: skip
DOES = (
    r"(?:help|assist|provide|re-?write|rephrase|fulfil\w*|answer|access|create|complete|comply|continue|generate|discuss|"
    r"offer|judge|process|produce|do (?:that|this|so))"
)
REFUSAL = re.compile(
    r"\b(?:as an ai\b|as a (?:large )?language model\b"
    r"|i(?:'m| am) (?:just |only )?an? (?:ai|(?:large )?language model)\b"
    r"|i(?:'m| am) (?:sorry|unable|not able)\b[^.\n]{0,40}\b(?:but|to)\b"
    rf"|i (?:cannot|can't|can not|could not|won't(?: be able to)?|will not(?: be able to)?|am not able to) {DOES}\b"
    r"|(?:i apologi[sz]e|my apologies|sorry)\b[^.\n]{0,30}\bi (?:can|could|am|won't|must)"
    r"|i (?:must|have to|will have to|need to) (?:respectfully )?(?:decline|refuse)\b"
    r"|it(?:'s| is) not (?:possible|appropriate) for me to\b)"
    r"|(?:作[为為]|身[为為])(?:一[个個]|一名)?(?:AI|人工智[能慧]|大?(?:型)?[语語]言模型|智[能慧]助手)"
    r"|我(?:只?是)(?:一[个個]|一名)?(?:AI|人工智[能慧]|[语語]言模型)"
    r"|(?:抱歉|[对對]不起|不好意思|[很非]常?(?:遗憾|遺憾))[^。\n]{0,16}(?:[无無]法|不能|[没沒][办辦]法|[难難]以)"
    r"|我(?:[无無]法|不能|[没沒][办辦]法)(?:[为為]您|[为為]你|[对對]此)?(?:[帮幫]助|[协協]助|提供|改[写寫]|回答|[满滿]足|完成|[处處]理|生成)",
    re.IGNORECASE,
)
REWRITTEN = r"(?:re-?writ\w+|rewrote|rephras\w+|paraphras\w+|reworded|revis\w+|simplified|clearer|improved|shorter)"
PREAMBLE = re.compile(
    r"\A[\s*_#>\"']*+(?:(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem|understood)"
    r"(?: thing| question)?(?=\s*[,!:.\n])"
    rf"|(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n.!?:]{{0,60}}"
    rf"\b(?:{REWRITTEN}|summary|version|questions?|pairs?)\b[^\n.!?:]{{0,60}}[:!\n]"
    rf"|i(?:'ve| have)? {REWRITTEN}\b[^\n.!?]{{0,60}}[:.!\n]"
    rf"|(?:the |my )?{REWRITTEN}(?: text| passage| version)?\s*[:\n]"
    r"|(?:好的|好|[当當]然(?:可以)?|[没沒][问問][题題]|明白了?|可以的|收到)(?=\s*[,，!！:：。\n])"
    r"|(?:以下|下面|[这這])(?:是|[为為])[^\n。！？:：]{0,30}(?:改[写寫]|重[写寫]|[润潤]色|修改|[总總][结結]|版本|[问問][题題]|[问問]答|[测測][验驗])"
    r"[^\n。！？:：]{0,30}[:：\n]"
    r"|(?:我(?:已[经經]?)?[将將把]|根[据據](?:您|你)的|按照?(?:您|你)的)[^\n。！？:：]{0,30}[:：\n]"
    r"|(?:改[写寫]|重[写寫]|[润潤]色|修改)(?:[后後]|[过過])?的?(?:文本|文字|文章|[内內]容|版本|[结結]果)?(?:如下)?\s*[:：\n])",
    re.IGNORECASE,
)
CLOSER = re.compile(
    r"^\W*+(?:(?:please )?let me know\b|i?(?:'d| would)? ?hope (?:this|that|it) (?:helps|meets|is|was|works)\b|"
    r"(?:please )?feel free to (?:ask|reach|let|contact)\b|is there anything else\b|"
    r"if you (?:have|need|want|would like|'d like) (?:any |me |to |more |further |other |another )\b|"
    r"note that i(?:'ve| have)\b|"
    r"(?:would|do) you (?:like|want|need) (?:me|any|more|a|another|to)\b|i(?:'d| would) be (?:happy|glad) to\b|"
    r"this (?:rewritten|revised|rephrased) (?:text|version|passage)\b"
    r"|希望[^。\n]{0,20}(?:[帮幫]助|[满滿]意|[满滿]足|有用|要求|喜[欢歡])"
    r"|如(?:果|有|需|您|你)[^。\n]{0,24}(?:请|請|告[诉訴]|[联聯][系繫]|[随隨][时時])"
    r"|(?:还|還)?有(?:什么|什麼|任何)(?:其他)?[^。\n]{0,12}(?:[帮幫]|[问問][题題])[^。\n]{0,10}[吗嗎?？]"
    r"|需要我[^。\n]{0,16}[吗嗎?？]|(?:请|請)[随隨][时時]|(?:[欢歡]迎)[^。\n]{0,8}(?:提[问問出]|[联聯][系繫]))",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"\b(?:the|this) (?:given |provided |following |original |above )?(?:text|passage)\b"
    r"|\A\W*(?:the|this) (?:article|document|author|writer) (?:is about|discuss\w*|describ\w+|provid\w+|highlight\w*|"
    r"explain\w*|explor\w+|present\w*|mention\w*|argu\w+|talk\w*|cover\w*|outlin\w+)\b"
    r"|(?:[这這][段篇]|[该該][段篇]?|上述|上面的?|[给給]定的?|原)(?:文本|文字|原文|段落)|(?:[根依][据據]|如)原文"
    r"|\A\W*(?:本文|文中|原文|[这這]篇文章|[该該]文章?|文章|作者)(?:中|里|裡)?(?:主要|也|[还還])?"
    r"(?:介[绍紹]|[讨討][论論]|描述|[讲講](?:述|的|了)|[阐闡]述|探[讨討]|[说說]明|[论論]述|概述|提到|指出|[认認][为為]|分析|[总總][结結]|[谈談]到)",
    re.IGNORECASE,
)
ABOUT_WORDS = ("text", "passage", "article", "document", "author", "writer", "文", "段", "作者")


def search(pattern: re.Pattern[str], words: Sequence[str], text: str) -> re.Match[str] | None:
    """The first match of a pattern that only texts with one of these words can match.

    Most texts hold none, which is seen in a tenth of the time that the pattern takes to say so.
    """
    folded = text.casefold()
    return pattern.search(text) if any(word in folded for word in words) else None
