"""A call in one line of a list, which is cut: what does one read of it first? What one decides by, seldom the long text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from midwatch.calls import canonical_json

LONG: Final = 60
"""Characters of an argument that comes after the others."""


def short_first(args_json: str) -> str:
    """The same arguments, the long ones last; what is not a whole JSON object as it is. To be read, never to be judged."""
    try:
        args = json.loads(args_json, parse_float=Decimal)
    except ValueError:
        return args_json
    if not isinstance(args, dict):
        return args_json
    said = {name: canonical_json(value) for name, value in args.items()}
    order = sorted(said, key=lambda name: len(said[name]) if len(said[name]) > LONG else 0)
    if order == list(said):
        return args_json
    return "{" + ",".join(f"{json.dumps(name)}:{said[name]}" for name in order) + "}"
