"""Compiled loops over Arrow text buffers, each held by its tests to a plain reference.

numba finds compiled code again by the file that a function stands in, and would keep what was inlined from another
file after that one changed. So the cache lies in a folder named by a hash of all kernels.
"""

import hashlib
import os
from pathlib import Path

from pipeline.store.cache import cache_folder

_sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(cache_folder() / "kernels" / hashlib.sha256(_sources).hexdigest()[:16])
