"""The small web of `make run`: made of text that the lock installs anyway, refined through all levels, and shown.

`python -m flows.demo --output demo` builds the web, `python -m flows.demo.tour` shows what became of it.
"""

from flows.demo.web import build_demo_web

__all__ = ["build_demo_web"]
