"""What people read of a run: the funnel as lines, and report.html.

    funnel.py      counts as lines for a terminal and as `--json`
    page.py        report.html from a release and its manifests; nothing is run
    rules.py       what each rule measured over a sample: histograms beside thresholds (also `orefine analyze`)
    samples.py     texts of dropped rows and of those nearest to a threshold
    selection.py   rows chosen by a score, and the classifier
    svg.py         pictures as inline SVG
    templates/     the HTML (jinja2, which escapes all that is put in)

**A section of one's own.** A level gives its sections in `stages/<level>/sections.py`:

    SECTIONS = {"human_review": human_review_section}        # kind of step → function

    def human_review_section(view: StepView) -> Iterable[Section]:
        body = fragment("<p>{{ rows }} rows were read by people.</p>", rows=view.at_step.rows_in)
        yield Section("What people said", body)

`flows/runs/sections.py` collects them; the page shows those of each step under its level, in the order of the recipe.
The function gets what the store holds of the level (`StepView`: manifest, the step as it stands there, checked rows of
any role) and returns HTML made by `fragment`; it runs nothing and writes nothing, so that `orefine report` can make the
page again. It is not imported by the step, so that another picture is not another recipe id. If it raises, the page
says so in its place and is whole otherwise.
"""
