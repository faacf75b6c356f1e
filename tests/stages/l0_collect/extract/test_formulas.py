# ruff: noqa: E501, RUF001  pages write formulas at length
"""Formulas, in whichever of their forms a page carries them, once and as TeX."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.extract.blocks import blocks, join
from stages.l0_collect.extract.tree import parse

MATHML = "<math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>"
ANNOTATED = "<math><semantics><mrow><mi>x</mi></mrow><annotation encoding='application/x-tex'>x^{2}</annotation></semantics></math>"
WIKIPEDIA = (
    "<span class='mwe-math-element'><span style='display: none;'><math alttext='{\\displaystyle a\\leq b}'><mi>a</mi></math>"
    "</span><img class='mwe-math-fallback-image-inline' aria-hidden=true alt='{\\displaystyle a\\leq b}'></span>"
)


def markdown(html: str) -> str:
    return join(blocks(parse(html)))


@pytest.mark.parametrize(
    ("html", "tex"),
    [
        (MATHML, "E=mc^2"),
        (ANNOTATED, "x^{2}"),
        (WIKIPEDIA, r"a\leq b"),
        (f"<span class=katex><span class=katex-mathml>{ANNOTATED}</span><span class=katex-html aria-hidden=true>x2</span></span>", "x^{2}"),
        ("<script type='math/tex'>x_2<y</script>", "x_2<y"),
        ("<span class=MathJax_Preview>x</span><span class=MathJax>x2</span><script type='math/tex'>x_2</script>", "x_2"),
        (f"<mjx-container><mjx-math>x2</mjx-math><mjx-assistive-mml>{MATHML}</mjx-assistive-mml></mjx-container>", "E=mc^2"),
        ("<img class=latex src=/a.png alt='\\frac{a}{b}'>", r"\frac{a}{b}"),
        ("<img src='https://latex.codecogs.com/gif.latex?x' alt='$x^2$'>", "x^2"),
        ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", r"\frac{a}{b+1}"),
        ("<math><msqrt><mi>x</mi><mi>y</mi></msqrt><mo>≤</mo><mroot><mi>z</mi><mn>3</mn></mroot></math>", r"\sqrt{xy}\leq\sqrt[3]{z}"),
        ("<math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub></math>",
         r"\sum_{i=1}^nx_i"),
        ("<math><mi>sin</mi><mi>α</mi><mo>&#x2062;</mo><mover><mi>v</mi><mo>→</mo></mover></math>", r"\sin\alpha\vec{v}"),
        ("<math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd><mtd><mn>4</mn></mtd></mtr></mtable></math>",
         r"\begin{matrix} 1 & 2 \\ 3 & 4 \end{matrix}"),
        ("<math><mfenced><mi>a</mi><mi>b</mi></mfenced><mtext>if so</mtext></math>", r"(a, b)\text{if so}"),
    ],
)  # fmt: skip
def test_one_formula_in_a_line(html: str, tex: str) -> None:
    assert markdown(f"<p>The formula {html} is known.</p>") == f"The formula ${tex}$ is known."


@pytest.mark.parametrize(
    "html",
    [
        "<script type='math/tex; mode=display'>x^2</script>",
        "<div class=MathJax_Display>x2</div><script type='math/tex; mode=display'>x^2</script>",
        "<math display=block><msup><mi>x</mi><mn>2</mn></msup></math>",
        "<span class=katex-display><span class=katex><math display=block><msup><mi>x</mi><mn>2</mn></msup></math></span></span>",
    ],
)  # fmt: skip
def test_a_formula_of_its_own(html: str) -> None:
    assert markdown(f"<p>before {html} after</p>") == "before\n\n$$x^2$$\n\nafter"
    assert [block.kind for block in blocks(parse(f"<p>a</p>{html}"))] == ["paragraph", "formula"]


def test_other_pictures_are_no_formulas_and_tex_in_words_stays() -> None:
    assert markdown("<p>a <img src=/photo.png alt='a^2'> b</p>") == "a b"
    assert (
        markdown(r"<p>so \(a_1 < b\) and $$\frac{a}{b}$$ cost $5</p>") == r"so \(a_1 < b\) and $$\frac{a}{b}$$ cost $5"
    )


LEAVES = st.sampled_from([
    ("x", "<mi>x</mi>"), ("7", "<mn>7</mn>"), (r"\alpha", "<mi>α</mi>"), (r"\sin", "<mi>sin</mi>"), (r"\infty", "<mo>∞</mo>"),
])  # fmt: skip


def _inner(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda parts: (rf"\frac{{{parts[0][0]}}}{{{parts[1][0]}}}",
                               f"<mfrac><mrow>{parts[0][1]}</mrow><mrow>{parts[1][1]}</mrow></mfrac>")),
        two.map(lambda parts: (f"{{{parts[0][0]}}}^{{{parts[1][0]}}}",
                               f"<msup><mrow>{parts[0][1]}</mrow><mrow>{parts[1][1]}</mrow></msup>")),
        two.map(lambda parts: (f"{{{parts[0][0]}}}_{{{parts[1][0]}}}",
                               f"<msub><mrow>{parts[0][1]}</mrow><mrow>{parts[1][1]}</mrow></msub>")),
        two.map(lambda parts: (f"{parts[0][0]}+{parts[1][0]}", f"<mrow>{parts[0][1]}<mo>+</mo>{parts[1][1]}</mrow>")),
        inner.map(lambda part: (rf"\sqrt{{{part[0]}}}", f"<msqrt>{part[1]}</msqrt>")),
    )  # fmt: skip


def bare(tex: str) -> str:
    return re.sub(r"[{}\s]", "", tex)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(LEAVES, _inner, max_leaves=8),
    st.sampled_from([
        "<math>{0}</math>", "<math display=block>{0}</math>", "<math><semantics><mrow>{0}</mrow></semantics></math>",
        "<math><semantics><mrow><mi>no</mi></mrow><annotation encoding='application/x-tex'>{1}</annotation></semantics></math>",
        "<script type='math/tex'>{1}</script>", "<span class=MathJax>no</span><script type='math/tex'>{1}</script>",
        "<mjx-container><mjx-math>no</mjx-math><mjx-assistive-mml><math>{0}</math></mjx-assistive-mml></mjx-container>",
        "<img class=latex src=/a.png alt='{1}'>",
    ]),
)  # fmt: skip
def test_any_formula_in_any_form_comes_once(formula: tuple[str, str], form: str) -> None:
    tex, mathml = formula
    text = markdown(f"<p>so {form.format(mathml, tex)} it is</p>")
    assert bare(text).replace("$$", "$") == f"so${bare(tex)}$itis"
