"""Agent file: which Python function does `module:function` name?"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, cast

from midwatch.errors import SpecError
from midwatch.spec_faults import nearest

PATTERN: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def named_function(name: str, *, field: str = "") -> Callable[..., Any]:
    """The function that `name` (`module:function`) names; imports its module.

    Raises:
        SpecError: no such module or function, or the module cannot be imported; `field` says where it was written.
    """
    if not PATTERN.fullmatch(name):
        raise SpecError(f"{name!r} is not `module:function`", field=field)
    module_name, _, function_name = name.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        missing = f"there is no module {error.name!r}; a module is named from the project's folder: `agents.mine.tools`"
        raise SpecError(missing, field=field) from error
    except Exception as error:
        said = f"module {module_name!r} cannot be imported: {type(error).__name__}: {error}"
        raise SpecError(said, field=field) from error
    found = getattr(module, function_name, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        said = f"module {module_name!r} has no function {function_name!r}{nearest(function_name, there)}"
        raise SpecError(said, field=field)
    return cast("Callable[..., Any]", found)
