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
    r"</?(?:start|end)_of_turn>|\[gMASK\]|</?sop>|^(?:assistant|user|system|\u7528\u6237"
    r"|\u52a9\u624b)\s*(?:[:\uff1a]\s*)?$",
    re.IGNORECASE | re.MULTILINE,
)
ROLE_WORDS = ("<", "[", "stant", "user", "system", "用户", "助手")
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
    r"|你[现現]在是一[个個](?:没有限制|不受限制|[沒没]有任何限制)|(?:输出|輸出|[说說]出|[显顯]示"
    r"|泄露)你的(?:系[统統]提示|提示[词詞])",
    re.IGNORECASE | re.MULTILINE,
)
INJECTION_WORDS = (
    "ignore", "disregard", "forget", "override", "prompt", "hidden", "dear", "attention", "```",
    "指令", "指示", "提示", "限制",
)  # fmt: skip
INJECTION_PAIRS = (re.compile(r"now\s++[ado]"), re.compile(r"hey(?<!they)\s++[alc]"))
"""Alone they are in `know` and `they`. A boundary in front would take the search its literal, and 60 times as long."""
DOES = (
    r"(?:help|assist|provide|re-?write|rephrase|fulfil\w*|answer|access|create|complete|comply|continue|generate"
    r"|discuss|"
    r"offer|judge|process|produce|do (?:that|this|so))"
)
REFUSAL = re.compile(
    r"\b(?:as an ai\b|as a (?:large )?language model\b"
    r"|i(?:'m| am) (?:just |only )?an? (?:ai|(?:large )?language model)\b"
    r"|i(?:'m| am) (?:sorry|unable|not able)\b[^.\n]{0,40}\b(?:but|to)\b"
    rf"|i (?:cannot|can't|can not|could not|won't(?: be able to)?|will not(?: be able to)?|am not able to) {DOES}\b"
    r"|(?:i apologi[sz]e|my apologies|sorry)\b[^.\n]{0,30}\bi (?:can|could|am|won't|must)"
    r"|i (?:must|have to|will have to|need to) (?:respectfully )?(?:decline|refuse)\b"
    r"|it(?:'s| is| would be) (?:not (?:possible|appropriate|right)|inappropriate|impossible|wrong) for me to\b"
    r"|(?:as|since i am|because i am) an? (?:artificial intelligence|virtual assistant|(?:text|language)-based (?:ai"
    r"|model))\b"
    r"|i(?:'m| am) (?:programmed|designed|trained|built) to\b|i(?:'m| am) not (?:in a position|comfortable|allowed"
    r"|permitted)\b"
    r"|i(?:'m| am) afraid (?:that )?i (?:can|could|am|won't)"
    r"|i (?:do not|don't|did not|didn't) (?:feel comfortable|have (?:the (?:ability|text|passage|article)|access"
    r"|enough|any|"
    r"personal|feelings|opinions)|think i (?:can|should|could)|see (?:any|a|the) (?:text|passage|article))"
    r"|i (?:lack the|would rather not|refuse to|prefer not to|need (?:more|the|additional) "
    r"(?:text|passage|context|information|details))\b"
    r"|i'd rather not\b|(?:no|nope),? i (?:can|could|will|won't|am)"
    r"|(?:something|a request|a task) (?:that )?i (?:can't|cannot|won't|am (?:not able|unable))"
    r"|(?:against|violates?|outside|beyond) (?:of )?(?:my|our|the usage|the content) (?:\w+ )?"
    r"(?:guidelines|polic\w+|rules|principles|capabilities|programming|training)\b"
    r"|my (?:training|programming|guidelines|instructions|creators|developers) (?:do|does|did|prevent|forbid|prohibit)"
    r"|you (?:have not|haven't|did not|didn't)(?: yet)? (?:provided?|included?|gave|give|given|shared?|sent|send"
    r"|pasted?|attached?)\b"
    r"|no (?:text|passage|article|document|content) (?:was|is|has been|to)\b[^.\n]{0,20}(?:provided|given|rewrite"
    r"|included|shared)"
    r"|(?:could|can|would) you (?:please )?(?:provide|share|paste|send|give|upload) "
    r"|please (?:provide|share|paste|send|upload) (?:me )?(?:with )?(?:the|your|a|more) (?:text|passage|article"
    r"|content|details))"
    r"|(?:作[为為]|身[为為])(?:一[个個]|一名)?(?:AI|人工智[能慧]|大?(?:型)?[语語]言模型|智[能慧]助手)"
    r"|我(?:只?是)(?:一[个個]|一名)?(?:AI|人工智[能慧]|[语語]言模型)"
    r"|(?:抱歉|[对對]不起|不好意思|[很非]常?(?:遗憾|遺憾))[^。\n]{0,24}(?:[无無]法|不能|[没沒][办辦]法|[难難]以|不便"
    r"|不方便|[没沒]有[学學][会會]|超出|似乎)"
    r"|(?:抱歉|[对對]不起|不好意思)[^。\n]{0,16}(?:[语語]言模型|助手|人工智[能慧])|我[^。\n]{0,6}(?:拒[绝絕]|不方便"
    r"|不便|不具[备備]|[没沒]有(?:足[够夠]|[权權]限"
    r"|情感|感情))"
    r"|[您你](?:似乎|好像)?(?:[没沒]有?|[还還][没沒]有?|未)(?:提供|[给給]出|[发發]送|[输輸]入|附上)"
    r"|[请請][您你]?(?:先|再)?(?:提供|[补補]充|[发發]送|[输輸]入|粘[贴貼])[^。\n]{0,20}(?:文本|文字|[内內]容|原文"
    r"|段落|信息|[资資]料)"
    r"|(?:[请請]求|要求|[内內]容|[话話][题題])[^。\n]{0,4}[违違]反[^。\n]{0,10}(?:政策|[规規]定|准[则則]|[规規][则則])|超出[^。\n]{0,10}(?:能力|范[围圍])"
    r"|[换換][个個][话話][题題]"
    r"|(?:出[于於]|[鉴鑑][于於]|由[于於])[^。\n]{0,12}(?:安全|敏感|版[权權]|[隐隱]私)[^。\n]{0,12}我"
    r"|[我恕](?:[目暂暫][前时時])?(?:[无無]法|不能|[没沒][办辦]法)(?:[为為]您|[为為]你|[对對]此)?(?:[帮幫]助|[协協]助"
    r"|提供|改[写寫]|回答|[满滿]足|完成|[处處]理|生成"
    r"|[访訪][问問]|[浏瀏][览覽]|打[开開]|[讨討][论論]|[确確][认認]|[执執]行)",
    re.IGNORECASE,
)
REWRITTEN = (
    r"(?:re-?writ\w+|rewrote|re-?phras\w+|paraphras\w+|reword\w*|revis\w+|simplif\w+|clearer|improved|shorter|edited)"
)
PREAMBLE = re.compile(
    r"\A[\s*_#>\"']*+(?:(?:sure|certainly|of course|absolutely|okay|ok|alright|all right|great|got it|no problem"
    r"|understood|yes(?=,? (?:here|i|sure|of))|hello|hi(?: there)?|happy to help|thanks|my pleasure|sounds good"
    r"|as (?:requested|you (?:asked|wished|requested)))"
    r"(?: thing| question)?(?=\s*(?:[,!:\n]|\.\s|[-\u2013\u2014]\s))"
    r"|(?:thank you|thanks) (?:so much |very much )?for (?:your|the|sharing|providing|giving|asking|sending)\b"
    r"|(?:what an? |that'?s an? )(?:\w+ ){0,2}(?:topic|question|text|passage)\b"
    r"|(?:i'd|i would|i'll|i will|i am|i'm) (?:be )?(?:happy|glad|pleased|delighted) to (?:help|assist|re|paraphrase"
    r"|simplify|provide)"
    r"|(?:let me|let's|let us|allow me to|i'll|i will) (?:try|re-?(?:write|phrase|word)|paraphrase|simplify"
    r"|summari[sz]e|break|help|"
    r"provide|take a look|walk)\b|here you (?:go|are)\b"
    r"|(?:here(?:'s| is| are)|below,?)[^\n]{0,80}[:!][ *_]*+\n"
    r"|below,? (?:i|you)(?:'ve| have|'ll| will)\b"
    rf"|(?:after|to|when|while|in) {REWRITTEN}[^\n]{{0,30}}(?:text|passage|version|it|paragraph|document)\b"
    r"|(?:based on|according to|using|following) (?:the [^\n]{0,40}you (?:provided|gave|have given|shared)|your)\b"
    r"[^\n]{0,40}[:\n]|in (?:simpler|other|plain|clearer|simple) (?:terms|words|language)\b[^\n]{0,40}:[ *_]*+\n"
    r"|(?:the |my |a |this is (?:the|my|a) )?(?:final |second |first )?(?:output|response|result|answer|paraphrase"
    r"|rewrite|rephrasing|"
    r"translation|version|draft|solution)[ *_]*+(?::[ *_]*+)?\n"
    rf"|(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n.!?:]{{0,60}}"
    rf"\b(?:{REWRITTEN}|summary|version|questions?|pairs?)\b[^\n.!?:]{{0,60}}[:!\n]"
    rf"|i(?:'ve| have)? {REWRITTEN}\b[^\n.!?]{{0,60}}[:.!\n]"
    rf"|(?:(?:the|my|this is (?:the|my|a)) )?{REWRITTEN}(?: (?:text|passage|version|paragraph|article|document"
    rf"|content))?"
    r"(?: (?:is|reads|goes|follows)(?: as follows| below)?)?[ *_]*[:\n]"
    r"|(?:好的|好|嗯|[当當]然(?:可以)?|[没沒][问問][题題]|明白了?|可以的|收到|[您你]好|[谢謝]{2}"
    r"|[乐樂]意)(?=\s*[,，!！:：。\n])"
    r"|(?:很高[兴興]|[乐樂]意)[^。\n]{0,6}(?:[为為]|[帮幫]|[协協])|(?:感[谢謝]|[谢謝]{2})[您你](?:的|[提分])"
    r"|(?:[让讓]我|我[来來]|我[试試][着著]|我[会會]|我[将將])[^。\n：:]{0,12}(?:改[写寫]|重[写寫]|[润潤]色|[试試]"
    r"|表[达達]|[总總][结結])"
    r"|(?:改[写寫]|修改|[润潤]色|重新表述|[总總][结結]|表述|[译譯]文|[输輸]出|回答|答案|[结結]果)(?:稿|版|版本"
    r"|[结結]果|[内內]容)?(?:如下|[为為]下)?[ *]*+[：:]?[ *]*+\n"
    r"|(?:可以|也可)?(?:[这這][样樣]|如此)?(?:改[写寫]|[写寫]|表[达達])(?:[为為]|成)[：:]"
    r"|[^。\n]{0,16}(?:可以[这這][样樣](?:[写寫]|表[达達]|[说說])|如下(?:修改|改[写寫]))[：:]\n"
    r"|(?:[经經][过過]|[为為]了|根[据據]|按照?|[请請]看|用)[^。\n]{0,20}(?:改[写寫]|重[写寫]|修改|[润潤]色"
    r"|表述)[^。\n]{0,14}[：:。\n]"
    r"|(?:以下|下面|[这這])(?:是|[为為])[^\n。！？:：]{0,30}(?:改[写寫]|重[写寫]|[润潤]色|修改|[总總][结結]|版本"
    r"|[问問][题題]|[问問]答|[测測][验驗])"
    r"[^\n。！？:：]{0,30}[:：\n]"
    r"|(?:我(?:已[经經]?)?[将將把]|根[据據](?:您|你)的|按照?(?:您|你)的)[^\n。！？:：]{0,30}[:：\n]"
    r"|(?:改[写寫]|重[写寫]|[润潤]色|修改)(?:[后後]|[过過])?的?(?:文本|文字|文章|[内內]容|版本"
    r"|[结結]果)?(?:如下)?\s*[:：\n])",
    re.IGNORECASE,
)
CLOSER = re.compile(
    r"^\W*+(?:(?:just |please )?(?:let|tell) me know\b|don'?t hesitate\b|(?:hope|hoping) (?:this|that|it|you)\b"
    r"|(?:i'm|i am|i'll be) (?:always )?(?:here|happy|glad|available) (?:to|if|for|whenever)\b"
    r"|happy to (?:\w+ )?(?:help|adjust|revise|change|rewrite|provide|make|assist|answer)\b"
    r"|i (?:tried to|made sure|kept the|look forward to (?:your|hearing)|(?:can|could) also (?:provide|write|make"
    r"|offer))\b"
    r"|i(?:'ve| have) (?:kept|tried|made|changed|replaced|removed|preserved|simplified|rewritten|rephrased)\b"
    r"|(?:in )?(?:this|the|my) (?:rewrite|rewriting|rewritten|revision|rephrased|rephrasing|paraphrase\w*|simplified"
    r"|edited)\b"
    r"|this version (?:keeps|uses|maintains|preserves|retains|should)\b"
    r"|(?:that'?s|this is|end of) (?:the |my )?(?:end of )?(?:the )?(?:rewritten|rewrite|revised|rephrased"
    r"|paraphrase\w*)\b"
    r"|(?:would|do|shall|should|want|need|may|can|could|did|does) (?:you|i|this|that|it)\b[^?\n]{0,60}\b(?:me|i"
    r"|work for you|help you|"
    r"meet your)\b[^?\n]{0,60}\?|(?:want|need) me to\b|shall i\b|does (?:this|that|it) (?:work|help|meet)\b"
    r"|have a (?:great|good|nice|wonderful|lovely) (?:day|time|week|one)\b|good luck (?:with your|and|!)"
    r"|thank you for (?:your|using)\b"
    r"|(?:any|your) (?:feedback|thoughts|suggestions|questions) (?:is|are|would)\b|(?:please )?feel free\b"
    r"|you (?:can|may) (?:use|adapt|modify|edit) this\b"
    r"|if (?:anything|something|this) (?:is|isn't|doesn't|seems) [^.\n]{0,30}(?:ask|let me|tell me|clarify)"
    r"|remember,? i(?:'m| am)\b"
    r"|word count\b|\(?note: (?:i|that i|the (?:names?|numbers?|original|rewritten|text|meaning|dates?))\b|"
    r"(?:please )?let me know\b|i?(?:'d| would)? ?hope (?:this|that|it) (?:helps|meets|is|was|works)\b|"
    r"(?:please )?feel free to (?:ask|reach|let|contact)\b|is there anything else\b|"
    r"if you (?:have|need|want|would like|'d like) (?:any |me |to |more |further |other |another )\b|"
    r"note that i(?:'ve| have)\b|"
    r"(?:would|do) you (?:like|want|need) (?:me|any|more|a|another|to)\b|i(?:'d| would) be (?:happy|glad) to\b|"
    r"this (?:rewritten|revised|rephrased) (?:text|version|passage)\b"
    r"|希望[^。\n]{0,20}(?:[帮幫]助|[满滿]意|[满滿]足|有用|要求|喜[欢歡])"
    r"|如(?:果|有|需|您|你)[^。\n]{0,24}(?:请|請|告[诉訴]|[联聯][系繫]|[随隨][时時])"
    r"|(?:还|還)?有(?:什么|什麼|任何)(?:其他)?[^。\n]{0,12}(?:[帮幫]|[问問][题題])[^。\n]{0,10}[吗嗎?？]"
    r"|(?:以上|上述)(?:就?是|[为為]|[内內]容)[^。\n]{0,16}(?:改[写寫]|重[写寫]|修改|[润潤]色|[结結]果|[内內]容"
    r"|[参參]考|示例|版本)"
    r"|[这這](?:[样樣]|[个個])的?(?:改[写寫]|修改|版本(?:更|[比较較]|保|是))|改[写寫](?:完[毕畢成]|[时時]|[过過]程)"
    r"|[（(](?:注|[备備]注|[说說]明)[：:]"
    r"|(?:注|[备備]注)[：:]我|(?:祝|期待|感[谢謝]|[谢謝]{2})[您你]|[您你](?:[觉覺]得|看"
    r"|[认認][为為])[^。\n]{0,10}[?？吗嗎]|要不要我|[仅僅只]供[参參]考"
    r"|我(?:[还還])?可以(?:再|[继繼][续續]|[为為]|[帮幫])|[还還]?需要[^。\n]{0,8}(?:[帮幫]助"
    r"|[帮幫]忙)[^。\n]{0,8}[?？吗嗎]|[随隨][时時](?:[欢歡]迎|[联聯]"
    r"|[问問]|告)"
    r"|需要我[^。\n]{0,16}[吗嗎?？]|(?:请|請)[随隨][时時]|(?:[欢歡]迎)[^。\n]{0,8}(?:提[问問出]|[联聯][系繫]))",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"\b(?:the|this) (?:given |provided |following |original |above )?(?:text|passage)\b"
    r"|(?:[这這][段篇]|[该該][段篇]?|上述|上面的?|[给給]定的?|原)(?:文本|文字|原文|段落)|(?:[根依][据據]|如)原文",
    re.IGNORECASE,
)
ABOUT_WORDS = ("text", "passage", "文", "段")
OPENS_ABOUT = re.compile(
    r"\A\W*(?:(?:the|this) (?:article|document|author|writer) (?:is about|discuss\w*|describ\w+|provid\w+|highlight\w*|"
    r"explain\w*|explor\w+|present\w*|mention\w*|argu\w+|talk\w*|cover\w*|outlin\w+)\b"
    r"|(?:本文|文中|原文|[这這]篇文章|[该該]文章?|文章|作者)(?:中|里|裡)?(?:主要|也|[还還])?"
    r"(?:介[绍紹]|[讨討][论論]|描述|[讲講](?:述|的|了)|[阐闡]述|探[讨討]|[说說]明|[论論]述|概述|提到|指出"
    r"|[认認][为為]|分析|[总總][结結]|[谈談]到))",
    re.IGNORECASE,
)


REFUSAL_WORDS = (
    b" i ", b" ai ", b" language model", b" for me to ", b" artificial intelligence ", b" virtual assistant ",
    b" based ", b" against ", b" violate", b" outside ", b" beyond ", b" my ", b" you ", b" please ", b" no text ",
    b" no passage ", b" no article ", b" no document ", b" no content ",
)  # fmt: skip
"""In English one of these is in every refusal; what is no letter or digit of ASCII counts as a space."""
NOT_PLAIN = re.compile("[\u017f\u0130\u0131\u212a\u2e80-\U0010ffff]")
"""Chinese, and what Python's patterns take for an s, i or k."""
PLAIN = bytes(ord(chr(code).lower()) if chr(code).isalnum() and code < 128 else 32 for code in range(256))


def search(
    pattern: re.Pattern[str], words: Sequence[str], text: str, also: Sequence[re.Pattern[str]] = ()
) -> re.Match[str] | None:
    """The first match of a pattern that only texts with one of these words, or with what `also` finds in small
    letters, can match.

    Most texts hold none, which is seen in a tenth of the time that the pattern takes to say so.
    """
    folded = text.casefold()
    for word in words:  # as loops: any() takes twice as long
        if word in folded:
            return pattern.search(text)
    for one in also:
        if one.search(folded):
            return pattern.search(text)
    return None


def search_refusal(text: str) -> re.Match[str] | None:
    """Where a model declines, if it does."""
    if text.isascii() or not NOT_PLAIN.search(text):
        plain = b" " + text.encode().translate(PLAIN) + b" "
        for word in REFUSAL_WORDS:
            if word in plain:
                return REFUSAL.search(text)
        return None
    return REFUSAL.search(text)
