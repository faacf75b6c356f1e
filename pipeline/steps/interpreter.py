"""Other Python processes of ours: they import what is installed, and nothing of the working directory.

Python looks for modules in the working directory first (with -c and -m), and an empty or relative entry of PYTHONPATH
stands for a folder there. So whoever may write beside the data, or sends a folder to be refined, could have their
`numba.py` run. The driver itself is the user's: `python -m` reads the working directory, the installed `orefine` does
not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where our packages lie."""


def python(*arguments: str) -> list[str]:
    """The command line of such a process."""
    return [sys.executable, "-P", *arguments]


def safe_environment() -> dict[str, str]:
    """What it gets on top of this process's environment; also for those that others start, as Ray and vLLM do."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = dict.fromkeys([str(ROOT), *filter(os.path.isabs, given)])
    return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
