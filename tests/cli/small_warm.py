"""A warm process that has imported a module of the test's, and not all that a run needs; run as `python small_warm.py`."""

from __future__ import annotations

from cli import warm

MODULE = "colour"

if __name__ == "__main__":
    warm.IMPORTED = (MODULE, "prefect.context")
    warm.main()
