"""How many of the phrases by which models speak around a text the lexicons know; how many real sentences they refuse.

The phrases (tests/stages/l3_synthesize/unseen_phrases.yaml) were written before the lexicons were widened and are not
what these are fitted to; `--cited` takes those of cited_phrases.yaml, which others have listed. A refusal or preamble
stands in front of a text of two sentences, a closer behind it.

    python -m benchmarks.l3_phrases [--cited] [--missed]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from pipeline.books.interval import wilson
from stages.l3_synthesize.output_checks import speaks_around

PHRASES = Path(__file__).parent.parent / "tests" / "stages" / "l3_synthesize" / "unseen_phrases.yaml"
CITED = PHRASES.with_name("cited_phrases.yaml")
TEXT = {
    "en": "The harbour was built in the spring of 1873. Ships have used it ever since.",
    "zh": "港口建于一八七三年春天。此后船只一直在使用它。",
}


def answer(kind: str, language: str, phrase: str) -> str:
    """The phrase where it would stand."""
    gap = "" if phrase.endswith("\n") else "\n"
    return f"{TEXT[language]}\n{phrase}" if kind == "closer" else f"{phrase}{gap}{TEXT[language]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missed", action="store_true", help="Show them: for people who do not change the lexicons.")
    parser.add_argument("--cited", action="store_true", help="The phrases that others have listed.")
    options = parser.parse_args()
    listed = yaml.safe_load((CITED if options.cited else PHRASES).read_text(encoding="utf-8"))
    for kind, languages in listed.items():
        for language, phrases in languages.items():
            phrases = [phrase.replace("…", "rewrite this text.") for phrase in phrases]
            places = ("preamble", "closer") if kind == "innocent" else (kind,)
            found = [
                (phrase, {place: speaks_around(answer(place, language, phrase), TEXT[language]) for place in places})
                for phrase in phrases
            ]
            hits = sum(any(said is not None for said in verdicts.values()) for _, verdicts in found)
            own = sum(kind in verdicts.values() for _, verdicts in found)
            low, high = wilson(hits, len(found))
            print(f"{kind:<9} {language}  refused {hits:>3} of {len(found):<3} [{low:.3f}, {high:.3f}]  as such {own}")
            if options.missed:
                print(*(f"    {phrase.strip()}" for phrase, said in found if not any(said.values())), sep="\n")


if __name__ == "__main__":
    main()
