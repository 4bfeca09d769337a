"""Tools: which secret does `${NAME}` stand for? Read from the environment when a tool is made, and written nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

from midwatch.errors import SpecError

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


def filled(values: Mapping[str, str], environment: Mapping[str, str], field: str) -> dict[str, SecretStr]:
    """Every value with its variables filled in. Raises SpecError naming the field whose variable is not set."""
    return {name: SecretStr(expanded(text, environment, f"{field}.{name}")) for name, text in values.items()}


def expanded(text: str, environment: Mapping[str, str], field: str) -> str:
    """One text with its variables filled in."""
    for name in _VARIABLE.findall(text):
        if name not in environment:
            raise SpecError(f"the environment has no variable {name!r}; set it where the worker starts", field=field)
    return _VARIABLE.sub(lambda match: environment[match[1]], text)
