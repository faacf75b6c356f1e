"""What the core does to bytes, as numbers: the code that merely runs steps counts in a recipe id by these.

Raise a package's number in the commit that makes it write other bytes, decide otherwise, or name documents anew for the
same input, recipe and steps; refactoring, errors, speed and messages need none. `tests/pipeline/run/test_golden.py`
fails for bytes that change without a new number, and for a new number without other bytes.
"""

PROTOCOL = {
    "pipeline.rows": 2,
    "pipeline.store": 1,
    "pipeline.steps": 2,
    "pipeline.books": 1,
    "pipeline.run": 3,
}
