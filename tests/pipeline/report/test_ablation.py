"""The ablation's part of a report: what is said, drawn and named, from the JSON of a comparison."""

import re
from typing import Any

from pipeline.report.ablation import CURVES, ablation_section
from pipeline.report.svg import intervals


def span(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": mean, "low": low, "high": high, "detectable": 0.05}


def found(**more: Any) -> dict[str, Any]:
    claim = {"first": "baseline", "second": "l1 <b>", "verdict": "l1 better", "adjusted_p": 0.01}
    claim |= {"difference": span(-0.2, -0.3, -0.1), "by_domain": {"c4": span(-0.2, -0.3, -0.1)}}
    runs = [
        {"arm": arm, "parameters": 1000, "curve": [[10, 5.0 + seed], [20, 3.0 + seed]]}
        for arm in ("baseline", "l1 <b>")
        for seed in (0, 1)
    ]
    setting = {"metric": "bits per byte", "seeds": 2, "budget": {"name": "toy", "tokens": 20}}
    return {
        "setting": setting, "comparisons": [claim], "bpb": {"baseline": 3.0, "l1 <b>": 2.8}, "runs": runs,
        "warnings": [], "controls": [], "noise_floor": {},
    } | more  # fmt: skip


def test_the_verdict_is_said_with_its_interval_and_names_are_escaped():
    body = str(ablation_section(found()).body)
    assert "<b>l1 better</b>: l1 &lt;b&gt; 2.8000, baseline 3.0000 bits per byte" in " ".join(body.split())
    assert "-0.2000 [-0.3000, -0.1000]" in body
    assert "<b>l1 <b>" not in body


def test_controls_noise_density_and_warnings_are_shown_where_there_are_some():
    bare = str(ablation_section(found()).body)
    assert "Controls" not in bare
    assert "Density" not in bare
    check = {"second": "shuffled", "holds": False, "difference": span(0.1, -0.1, 0.3)}
    density = {
        "l1": {"models": {"rho": 1.5, "low": 1.1, "high": 2.0, "extrapolated": True}, "n-grams": {"none": "too few"}}
    }
    more = found(controls=[check], noise_floor={"l1": span(0.0, -0.1, 0.1)}, density=density, warnings=["read twice"])
    body = str(ablation_section(more).body)
    for part in (
        "not as it must",
        "l1 against itself",
        "covers zero",
        "1.50 [1.10, 2.00], extrapolated",
        "too few",
        "read twice",
    ):
        assert part in body, part


def test_an_interval_beside_zero_is_solid_and_one_around_it_dashed():
    drawn = str(intervals({"a": (-0.2, -0.3, -0.1), "b": (0.1, -0.1, 0.3)}, "x"))
    assert re.findall(r'polyline class="(\w+)"', drawn) == ["first", "second"]
    zero = float(re.search(r'class="cut" x1="([\d.]+)"', drawn)[1])  # type: ignore[index]
    dots = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    assert dots[0] < zero < dots[1]


def test_learning_is_drawn_as_the_mean_of_an_arms_runs():
    body = str(ablation_section(found()).body)
    # 5.5 falls to 3.5 in both arms, over the whole width.
    assert body.count('points="194.0,4.0 344.0,144.0"') == 2
    many = [{"arm": f"arm {n}", "parameters": 1, "curve": [[1, 2.0]]} for n in range(CURVES + 3)]
    assert str(ablation_section(found(runs=many)).body).count("solid: ") == 1
    assert f"arm {CURVES}" not in str(ablation_section(found(runs=many)).body)
