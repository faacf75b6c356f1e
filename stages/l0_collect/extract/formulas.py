# ruff: noqa: RUF001  the signs of mathematics are meant
"""Formulas of a page as TeX between dollars: one dollar within a line, two where a formula stands alone.

Pages carry a formula in several forms at once (MathML for screen readers, spans or a picture for the eye, the source in
a script or an annotation). `simplify` puts one <span class="formula"> with the TeX in the place of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

CARRIERS = (
    "descendant::*[self::math or self::mjx-container or self::img or self::script[starts-with(@type, 'math/')]"
    " or starts-with(@class, 'MathJax') or starts-with(@class, 'katex') or contains(@class, 'mwe-math-element')]"
)
PICTURE = re.compile(
    r"latex|mimetex|mathtex|/math/render/|[?&]cht=tx|codecogs\.com|(?:^|\s)tex(?:\s|$)|mwe-math-fallback", re.IGNORECASE
)
GONE = "x-gone"
"""The tag of what the tree is to lose."""
DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
DEEPEST = 60
"""MathML below is given as its words."""


def simplify(tree: Any) -> None:
    """Leave one span with TeX of each formula in the tree."""
    has_source = next(tree.iter("math"), None) is not None or any(
        script.get("type", "").startswith("math/") for script in tree.iter("script")
    )
    for carrier in tree.xpath(CARRIERS) if has_source else list(tree.iter("img")):
        if has_source and carrier.getroottree().getroot() is not tree:
            continue  # went away with the carrier around it
        tag, names = carrier.tag, carrier.get("class", "")
        if tag == "img":
            tex, is_display = _bare(carrier.get("alt", "")), "display" in names
            if not tex or not PICTURE.search(f"{names} {_address(carrier)}"):
                continue
        elif tag == "script":
            tex, is_display = _bare(carrier.text or ""), "display" in carrier.get("type", "")
            _drop_rendering(carrier)
        elif tag == "math":
            tex, is_display = of_mathml(carrier), carrier.get("display") == "block"
        else:
            math = carrier.find(".//math")
            if math is not None:
                tex, is_display = of_mathml(math), math.get("display") == "block"
            elif "MathJax_Preview" in names or _has_script(carrier):
                tex, is_display = "", False  # the script behind it says it
            elif "mwe-math" in names or tag == "mjx-container":
                picture = carrier.find(".//img")
                tex, is_display = _bare(picture.get("alt", "")) if picture is not None else "", False
                if not tex:
                    continue
            else:
                continue  # nothing better than the words that it shows
            is_display = is_display or "display" in names.lower() or carrier.get("display") == "true"
        _replace(carrier, tex, is_display)


def of_mathml(math: Any) -> str:
    """Its TeX: as annotated, or put together from its parts."""
    for annotation in math.iter("annotation"):
        if "tex" in annotation.get("encoding", "").lower() and (annotation.text or "").strip():
            return _bare(annotation.text)
    if "\\" in (said := math.get("alttext", "")):
        return _bare(said)
    return " ".join(_tex(math, 0).split()) or _bare(said)


def _address(picture: Any) -> str:
    """Of a picture; "" where its bytes stand in the page, up to a million of them."""
    address = picture.get("src", "")
    return "" if address.startswith("data:") else address


def _bare(tex: str) -> str:
    """TeX on one line without delimiters and the wrapping that Wikipedia adds."""
    if not tex:
        return ""
    tex = re.sub(r"%\n", "\n", tex).strip()
    tex = " ".join(tex.split())
    for opening, closing in DELIMITERS:
        if tex.startswith(opening) and tex.endswith(closing) and len(tex) > len(opening) + len(closing):
            tex = tex[len(opening) : -len(closing)].strip()
            break
    if tex.startswith("{\\displaystyle") and tex.endswith("}"):
        tex = tex[len("{\\displaystyle") : -1].strip()
    return tex


def _has_script(carrier: Any) -> bool:
    """Whether MathJax left the source right behind its rendering, or behind the block that holds it."""
    for element in (carrier, carrier.getparent()):
        behind = element.getnext() if element is not None else None
        if behind is not None and behind.tag == "script" and behind.get("type", "").startswith("math/"):
            return True
    return False


def _drop_rendering(script: Any) -> None:
    while (before := script.getprevious()) is not None and not (before.tail or "").strip():
        if not before.get("class", "").startswith("MathJax") and before.tag != GONE:
            break
        before.tag = GONE
        script = before


def _replace(carrier: Any, tex: str, is_display: bool) -> None:
    """By a span; by nothing where the TeX is empty."""
    tail = carrier.tail
    carrier.clear()
    carrier.tail = tail
    if not tex:
        carrier.tag = GONE
        return
    carrier.tag = "span"
    carrier.set("class", "formula")
    carrier.text = f"$${tex}$$" if is_display else f"${tex}$"


NAMES = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp lim max min sup inf det dim gcd ker arg deg"
)
FUNCTIONS = frozenset(NAMES.split())
OPERATORS = {
    "−": "-", "×": r"\times", "·": r"\cdot", "⋅": r"\cdot", "∗": "*", "÷": r"\div", "±": r"\pm", "∓": r"\mp",
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "≡": r"\equiv", "∼": r"\sim", "∝": r"\propto",
    "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "↦": r"\mapsto",
    "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "∮": r"\oint", "∂": r"\partial", "∇": r"\nabla", "∞": r"\infty",
    "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "⊆": r"\subseteq", "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset",
    "∀": r"\forall", "∃": r"\exists", "∧": r"\wedge", "∨": r"\vee", "¬": r"\neg", "√": r"\surd", "…": r"\ldots",
    "⋯": r"\cdots", "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "′": "'",
    "\u2061": "", "\u2062": "", "\u2063": ",", "\u2064": "",
}  # fmt: skip
GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϕϵϑ"
GREEK_NAMES = """
    alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi chi psi
    omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega phi epsilon vartheta
"""
GREEK = dict(zip(GREEK_LETTERS, GREEK_NAMES.split(), strict=True))
ACCENTS = {
    "¯": r"\bar", "‾": r"\overline", "̄": r"\bar", "^": r"\hat", "ˆ": r"\hat", "~": r"\tilde", "˜": r"\tilde",
    "→": r"\vec", "⃗": r"\vec", "˙": r"\dot", ".": r"\dot", "¨": r"\ddot", "⏞": r"\overbrace",
}  # fmt: skip


def _tex(element: Any, depth: int) -> str:
    """One MathML element as TeX."""
    tag = element.tag.rpartition(":")[2]
    if depth > DEEPEST or tag == "mtext":
        words = " ".join("".join(element.itertext()).split())
        return rf"\text{{{words}}}" if words and tag == "mtext" else words
    if tag in ("annotation", "annotation-xml", "mphantom"):
        return ""
    if tag in ("mi", "mn", "mo", "ms"):
        return _sign("".join(element.itertext()).strip(), tag)
    parts = [_tex(child, depth + 1) for child in element if isinstance(child.tag, str)]
    builder = BUILDERS.get(tag)
    if builder is not None and len(parts) == builder[0]:
        return builder[1](*parts)
    if tag == "msqrt":
        return rf"\sqrt{{{_run(parts)}}}"
    if tag == "mtable":
        return r"\begin{matrix} " + r" \\ ".join(parts) + r" \end{matrix}"
    if tag in ("mtr", "mlabeledtr"):
        return " & ".join(parts)
    if tag == "mfenced":
        between = (element.get("separators") or ",").strip()[:1]
        return f"{element.get('open', '(')}{f'{between} '.join(parts)}{element.get('close', ')')}"
    if not len(element):
        return " ".join("".join(element.itertext()).split())
    return _run(parts)


def _sign(text: str, tag: str) -> str:
    if tag == "mi" and text in FUNCTIONS:
        return f"\\{text}"
    if tag == "mi" and len(text) > 1 and text.isalpha() and text.isascii():
        return rf"\mathrm{{{text}}}"
    return "".join(f"\\{GREEK[sign]} " if sign in GREEK else OPERATORS.get(sign, sign) for sign in text).strip()


def _run(parts: list[str]) -> str:
    """Side by side; a command and a letter behind it need a space between them."""
    text = ""
    for part in parts:
        if re.search(r"\\[A-Za-z]+$", text) and part[:1].isalpha():
            text += " "
        text += part
    return text


def _group(tex: str) -> str:
    return tex if len(tex) == 1 else f"{{{tex}}}"


def _base(tex: str) -> str:
    return tex if len(tex) <= 1 or re.fullmatch(r"\\[A-Za-z]+|\d+|\\[A-Za-z]+\{[^{}]*\}", tex) else f"{{{tex}}}"


def _over(base: str, mark: str) -> str:
    for sign, accent in ACCENTS.items():
        if mark in (sign, OPERATORS.get(sign)):
            return f"{accent}{{{base}}}"
    return f"{_base(base)}^{_group(mark)}" if base.startswith("\\") else rf"\overset{{{mark}}}{{{base}}}"


def _under(base: str, mark: str) -> str:
    return f"{_base(base)}_{_group(mark)}" if base.startswith("\\") else rf"\underset{{{mark}}}{{{base}}}"


BUILDERS: dict[str, tuple[int, Callable[..., str]]] = {
    "msup": (2, lambda base, over: f"{_base(base)}{over}" if over in ("'", "''") else f"{_base(base)}^{_group(over)}"),
    "msub": (2, lambda base, under: f"{_base(base)}_{_group(under)}"),
    "msubsup": (3, lambda base, under, over: f"{_base(base)}_{_group(under)}^{_group(over)}"),
    "munderover": (3, lambda base, under, over: f"{_base(base)}_{_group(under)}^{_group(over)}"),
    "mover": (2, _over),
    "munder": (2, _under),
    "mfrac": (2, lambda above, below: rf"\frac{{{above}}}{{{below}}}"),
    "mroot": (2, lambda base, degree: rf"\sqrt[{degree}]{{{base}}}"),
}
