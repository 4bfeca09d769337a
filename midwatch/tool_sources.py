"""Fingerprint: which code is behind an agent's Python tools? Their modules' text, and that of what these import beside them.

It is found as an import would find it, and none of it is run. Text, and not bytecode: it is the same on every machine.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Final

from midwatch.named_function import PATTERN
from midwatch.spec import AgentSpec
from midwatch.templates import functions_in

OWN: Final = frozenset({"midwatch", "blocks", "tasks", "flows", "cli"})
"""Midwatch itself: a new version of it is no other agent."""


def sources_of(spec: AgentSpec) -> dict[str, str]:
    """SHA-256 (hex) of each module's text, by the module's name; empty for an agent without Python tools.

    Those that the functions of `python` and `bind` are in, and what they import of their own top-level packages, in turn.
    A module that is not there counts as an empty one: whatever needs it says so.
    """
    open_now = [name.partition(":")[0] for name in _functions(spec)]
    tops = {_top(name) for name in open_now} - OWN
    found: dict[str, str] = {}
    while open_now:
        name = open_now.pop()
        if name in found or _top(name) not in tops:
            continue
        found[name], imported = _read(name)
        open_now += [one for one in imported if _top(one) in tops and _file_of(one) is not None]
    return found


def _functions(spec: AgentSpec) -> Iterator[str]:
    for tool in spec.tools:
        if tool.python is not None:
            yield tool.python
        yield from _bound(tool.bind)


def _bound(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from [value] if PATTERN.fullmatch(value) else functions_in(value)
        case dict():
            yield from (name for part in value.values() for name in _bound(part))
        case list():
            yield from (name for part in value for name in _bound(part))


def _top(module: str) -> str:
    return module.partition(".")[0]


def _read(module: str) -> tuple[str, frozenset[str]]:
    """The hash of its text, and what it may import."""
    file = _file_of(module)
    if file is None:
        return _sha256(""), frozenset()
    stat = file.stat()
    return _parsed(file, module, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _parsed(file: Path, module: str, _changed_at: int, _size: int) -> tuple[str, frozenset[str]]:
    text = file.read_text(
        encoding="utf-8", errors="surrogateescape"
    )  # line ends are one `\n`, whatever a checkout made
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return _sha256(text), frozenset()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return _sha256(text), frozenset(_imported(tree, package))


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Modules, and names that are modules perhaps."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=named, names=names, level=level):
                base = ".".join(filter(None, (*_above(package, level), named)))
                yield base
                yield from (f"{base}.{one.name}" for one in names)


def _above(package: str, level: int) -> Iterable[str]:
    """The package that so many dots mean."""
    parts = package.split(".")
    return parts[: len(parts) - level + 1] if level else ()


def _file_of(module: str) -> Path | None:
    """Its file of Python text; None: there is none. Imports nothing, not even the packages that it is in."""
    top, *rest = module.split(".")
    spec = _found(top)
    for name in rest:
        within = spec.submodule_search_locations if spec is not None else None
        spec = PathFinder.find_spec(name, list(within)) if within else None
    file = Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
    return file if file is not None and file.suffix == ".py" and file.is_file() else None


def _found(top: str) -> ModuleSpec | None:
    """As an import would look for it."""
    specs = (finder.find_spec(top, None, None) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)


def _sha256(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
