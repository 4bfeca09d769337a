"""Model: what do all sources of the weights have in common?"""

from __future__ import annotations

from collections.abc import Callable

from midwatch.errors import ModelUnavailable

Report = Callable[[int], object]
"""Told how many bytes of the file are there."""


class SourceFailed(ModelUnavailable):
    """This source could not bring the weights; another one may."""
