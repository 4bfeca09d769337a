"""Monitoring: could the agent write the code that judges it? The contract's modules, scripts and schemas, and its own file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from midwatch.contract import Check, CommandCheck, Contract
from midwatch.errors import SpecError
from midwatch.spec import AgentSpec, Builtin

WRITING: Final[frozenset[Builtin]] = frozenset({"write_file", "delete_file", "shell"})

_BETWEEN: Final = re.compile(r"[\s=,;&|'\"()<>]+")
"""Ends a path within an argument: `--prefix=work`, `cd work && ./check`."""
_NAMED: Final = "which its contract runs, or else lists under `data` of the command as what it only looks at"


def refuse_own_judges(spec: AgentSpec, project: Path) -> None:
    """Raises SpecError where a tool of the agent reaches what its contract rests on; names the tool and the path."""
    for fault in own_judges(spec, project):
        raise SpecError(fault, field="contract")


def own_judges(spec: AgentSpec, project: Path) -> list[str]:
    """One line for each tool of the agent and each file of its judges that the tool could write."""
    roots = [(tool.builtin, project / tool.root) for tool in spec.tools if tool.builtin in WRITING and tool.root]
    judges = [(project / "agents" / f"{spec.name}.yaml", "its own file"), *judges_of(spec.contract, project)]
    return [
        f"{name} could write {reached}, {what}: give the tool another `root`, or move the file into agents/"
        for name, root in roots
        for path, what in dict.fromkeys(judges)
        if (reached := _reached(root, path, project))
    ]


def judges_of(contract: Contract, project: Path) -> Iterator[tuple[Path, str]]:
    """Every file that a check runs, might run or believes, with what it is; one that is not there yet, too."""
    for check in (*contract.noop_when, *contract.done_when, *contract.invariants):
        if check.python is not None:
            yield from _of_module(check.python.partition(":")[0], "which its contract runs")
        if check.command is not None:
            if "/" in (program := check.command.argv[0]):
                yield project / program, "which its contract runs"
            yield from ((path, _NAMED) for path in _arguments(check.command, project))
        if (schema := _schema(check)) is not None:
            yield project / schema, "by which its contract judges"


def _reached(root: Path, path: Path, project: Path) -> str:
    """What of it a tool with this root writes, as a person reads it; "" where nothing.

    The file itself, or a link on the way to it, lies in the root, or else the root in it: `pytest .` runs what lies below. The
    root may be a link, too.
    """
    written, shown = Path(os.path.abspath(path)), os.path.relpath(path, project)
    places = {written, Path(os.path.realpath(path)), Path(os.path.realpath(path.parent)) / path.name}
    tops = {Path(os.path.abspath(root)), root.resolve()}
    if any(place.is_relative_to(top) for place in places for top in tops):
        return shown
    within = any(top.is_relative_to(place) for place in places for top in tops)
    return f"{os.path.relpath(root, project)} in {shown}" if within else ""


def _of_module(name: str, what: str) -> Iterator[tuple[Path, str]]:
    """The module, and whatever of its package it has loaded: it may rest on that."""
    try:
        module = import_module(name)
    except Exception:
        return  # `contract_faults` says so, and the check cannot look
    package = module.__package__
    beside = (other for key, other in list(sys.modules.items()) if package and f"{key}.".startswith(f"{package}."))
    yield from ((Path(file), what) for one in (module, *beside) if (file := getattr(one, "__file__", None)))


def _arguments(check: CommandCheck, project: Path) -> Iterator[Path]:
    """Whatever the program, or one that it starts, could take for a path and run; what is named as data, it only looks at."""
    data = {os.path.normpath(path) for path in check.data}
    for at, word in enumerate(check.argv[1:]):
        modules = "-m" in check.argv[: at + 1]
        for piece in filter(None, (word, re.sub(r"^-\w", "", word), *_BETWEEN.split(word))):
            if os.path.normpath(piece) not in data:
                yield project / piece
                if modules and not piece.startswith("."):
                    # `python -m work.check`: a file, or a folder with `__main__.py`
                    yield from (project / f"{piece.replace('.', '/')}.py", project / piece.replace(".", "/"))


def _schema(check: Check) -> str | None:
    content = check.file or check.files
    return content.json_schema if content is not None and isinstance(content.json_schema, str) else None
