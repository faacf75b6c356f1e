"""Phrases by which a model's chatter is known, in English and Chinese: both are looked for in every answer.

An announcement names the artefact and ends at a boundary: "Here is the deposit schedule for May." is a sentence.
"""

from __future__ import annotations

import re

# The marks of the common chat formats: ChatML, Llama 2 and 3, Mistral, Gemma, Phi, DeepSeek (wide bars), Command, GLM,
# Granite, Harmony; and a line that is only a role's name.
ROLE = re.compile(
    r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|"
    r"</?(?:start|end)_of_turn>|\[gMASK\]|</?sop>|^(?:assistant|user|system|\u7528\u6237|\u52a9\u624b)\s*(?:[:\uff1a]\s*)?$",
    re.IGNORECASE | re.MULTILINE,
)
REASONING = re.compile(r"</?think", re.IGNORECASE)
REFUSAL = re.compile(
    r"\b(?:as an ai\b|as a (?:large )?language model\b|i(?:'m| am) (?:just )?an? (?:ai|language model)\b|"
    r"i(?:'m| am) (?:sorry|unable|not able)\b[^.\n]{0,40}\b(?:but|to)\b|i (?:cannot|can't|can not) "
    r"(?:help|assist|provide|rewrite|fulfil|answer|access|create)\b)"
    r"|作为(?:一个|一名)?(?:AI|人工智能|大?语言模型|智能助手)|我(?:只?是)(?:一个|一名)?(?:AI|人工智能|语言模型)"
    r"|(?:抱歉|对不起|很遗憾)[^。\n]{0,12}(?:无法|不能|没办法)|我(?:无法|不能)(?:帮助|协助|提供|改写|回答|满足|完成)",
    re.IGNORECASE,
)
REWRITTEN = r"(?:re-?writ\w+|rephras\w+|paraphras\w+|reworded|revised|simplified)"
PREAMBLE = re.compile(
    rf"\A\s*(?:(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem)(?=\s*[,!:.\n])"
    rf"|(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n.!?:]{{0,60}}"
    rf"\b(?:{REWRITTEN}|summary|version|questions?|pairs?)\b[^\n.!?:]{{0,60}}[:!\n]"
    rf"|(?:the )?{REWRITTEN}(?: text| passage| version)?\s*[:\n]"
    r"|(?:好的|当然(?:可以)?|没问题|明白了?|可以的)(?=\s*[,，!！:：。\n])"
    r"|(?:以下|下面)(?:是|为)[^\n。！？:：]{0,30}(?:改写|重写|润色|修改|总结|版本|问题|问答|测验)[^\n。！？:：]{0,30}[:：\n]"
    r"|(?:改写|重写|润色|修改)(?:后|过)?的?(?:文本|文章|内容|版本|结果)?(?:如下)?\s*[:：\n])",
    re.IGNORECASE,
)
CLOSER = re.compile(
    r"^\W*(?:(?:please )?let me know\b|i hope (?:this|that|it) (?:helps|meets)\b|"
    r"(?:please )?feel free to (?:ask|reach|let)\b|is there anything else\b|"
    r"if you have any (?:other |further |more )?questions\b|note that i have\b|"
    r"this (?:rewritten|revised|rephrased) (?:text|version|passage)\b"
    r"|希望(?:这|以上|我的)[^。\n]{0,20}(?:帮助|满意|满足|有用)|如(?:果|有)[^。\n]{0,20}(?:问题|需要|需求)[^。\n]{0,10}请"
    r"|(?:还有|有)什么(?:其他)?[^。\n]{0,12}(?:帮|问题)[^。\n]{0,10}[吗?？]|请随时)",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"\b(?:the|this) (?:given |provided |following |original |above )?(?:text|passage)\b"
    r"|\A\W*(?:the|this) (?:article|document|author|writer) (?:is about|discuss\w*|describ\w+|provid\w+|highlight\w*|"
    r"explain\w*|explor\w+|present\w*|mention\w*|argu\w+|talk\w*|cover\w*|outlin\w+)\b"
    r"|(?:这|该|上述|原)(?:段|篇)?(?:文本|文字|原文)"
    r"|\A\W*(?:本文|这篇文章|该文|文章|作者)(?:主要)?(?:介绍|讨论|描述|讲述|阐述|探讨|说明|论述|概述)",
    re.IGNORECASE,
)
