"""Monitoring: how strictly is a contract read? What is not a field of it is a fault."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

STRICT: Final = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
