"""Monitoring: could the agent write the code that judges it? The contract's modules, scripts and schemas, and its own file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from midwatch.contract import Check, Contract
from midwatch.errors import SpecError
from midwatch.spec import AgentSpec, Builtin

WRITING: Final[frozenset[Builtin]] = frozenset({"write_file", "delete_file", "shell"})

_INTERPRETER: Final = re.compile(r"(?:python|pypy|perl|ruby|node|bash|sh|dash|zsh|ksh|fish|php|lua|Rscript|env)[\d.]*")
_SCRIPT: Final = frozenset(
    {".py", ".sh", ".bash", ".pl", ".rb", ".js", ".mjs", ".ts", ".php", ".lua", ".r", ".mk", ".sql"}
)


def refuse_own_judges(spec: AgentSpec, project: Path) -> None:
    """Raises SpecError where a tool of the agent reaches what its contract rests on; names the tool and the path."""
    for fault in own_judges(spec, project):
        raise SpecError(fault, field="contract")


def own_judges(spec: AgentSpec, project: Path) -> list[str]:
    """One line for each tool of the agent and each file of its judges that the tool could write."""
    roots = [(tool.builtin, project / tool.root) for tool in spec.tools if tool.builtin in WRITING and tool.root]
    judges = [(project / "agents" / f"{spec.name}.yaml", "its own file"), *judges_of(spec.contract, project)]
    return [
        f"{name} could write {os.path.relpath(path, project)}, {what}: "
        "give the tool another `root`, or move the file into agents/"
        for name, root in roots
        for path, what in dict.fromkeys(judges)
        if _reaches(root, path)
    ]


def judges_of(contract: Contract, project: Path) -> Iterator[tuple[Path, str]]:
    """Every file that a check runs or believes, with what it is; one that is not there yet, too."""
    for check in (*contract.noop_when, *contract.done_when, *contract.invariants):
        if check.python is not None:
            yield from _of_module(check.python.partition(":")[0], "which its contract runs")
        if check.command is not None:
            yield from ((path, "which its contract runs") for path in _programs(check.command.argv, project))
        if (schema := _schema(check)) is not None:
            yield project / schema, "by which its contract judges"


def _reaches(root: Path, path: Path) -> bool:
    """The file itself, or a link on the way to it, lies in the root; the root may be a link, too."""
    written = Path(os.path.abspath(path))
    places = {written, Path(os.path.realpath(path)), Path(os.path.realpath(path.parent)) / path.name}
    return any(place.is_relative_to(top) for place in places for top in (Path(os.path.abspath(root)), root.resolve()))


def _of_module(name: str, what: str) -> Iterator[tuple[Path, str]]:
    """The module, and whatever of its package it has loaded: it may rest on that."""
    try:
        module = import_module(name)
    except Exception:
        return  # `contract_faults` says so, and the check cannot look
    package = module.__package__
    beside = (other for key, other in list(sys.modules.items()) if package and f"{key}.".startswith(f"{package}."))
    yield from ((Path(file), what) for one in (module, *beside) if (file := getattr(one, "__file__", None)))


def _programs(argv: list[str], project: Path) -> Iterator[Path]:
    """The program, and every argument that is a script; a plain file is what the program looks at."""
    program, *arguments = argv
    if "/" in program:
        yield project / program
    interprets = bool(_INTERPRETER.fullmatch(Path(program).name))
    first = next((at for at, word in enumerate(arguments) if not word.startswith("-")), -1) if interprets else -1
    for at, word in enumerate(arguments):
        if at and interprets and arguments[at - 1] == "-m":
            yield from (project / word.replace(".", "/") / "__main__.py", project / f"{word.replace('.', '/')}.py")
        elif at == first or Path(word).suffix.lower() in _SCRIPT or _is_program(project / word):
            yield project / word


def _is_program(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return os.access(path, os.X_OK) or file.read(2) == b"#!"
    except OSError:
        return False


def _schema(check: Check) -> str | None:
    content = check.file or check.files
    return content.json_schema if content is not None and isinstance(content.json_schema, str) else None
