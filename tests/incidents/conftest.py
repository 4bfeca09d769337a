"""Published incidents of other systems, re-created: the real flow, with that fault put in.

Each file is one row of a table of such incidents; its first line says what happened elsewhere.
"""

from __future__ import annotations

from tests.flows.conftest import agent_house, night, script

__all__ = ["agent_house", "night", "script"]
