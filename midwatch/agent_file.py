"""Agent file: which agent does `agents/NAME.yaml` describe? A fault names file, line, field and a way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from midwatch.agent_checks import as_errors, name_faults, spec_faults
from midwatch.errors import SpecError, SpecFaults
from midwatch.spec import AgentSpec
from midwatch.spec_faults import faults, nearest
from midwatch.yaml_lines import MAX_BYTES, dotted, read_yaml

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,60}")
"""The same as `AgentSpec.name`: no dot, no slash, so a name can never leave its folder."""


def load_agent(agent: str | Path, folder: Path | None = None) -> AgentSpec:
    """The agent called `agent` in `folder`; without a folder `agent` is the path of its file.

    Raises:
        SpecFaults: there is no such agent, or its file is wrong; one line for each fault.
    """
    return _load(Path(agent) if folder is None else agent_path(str(agent), folder))


def names(folder: Path) -> list[str]:
    """Every agent that has a file there, fit or not, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def agent_path(name: str, folder: Path) -> Path:
    """The file of the agent called `name`. Safe with a name from anywhere: what is no name is no path either."""
    if not NAME.fullmatch(name):
        raise _alone(f"{name[:80]!r} is not an agent's name: small letters, digits and dashes, beginning with a letter")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        there = names(folder)
        hint = nearest(name, there) or f"; there is: {', '.join(there) or 'none yet'}"
        raise _alone(f"no agent {name!r} in {folder}{hint}", path=str(path))
    return path


def parse_agent(text: str, *, path: str, stem: str) -> AgentSpec:
    """The agent that `text` describes; `path` is for messages, `stem` is the name that the file has."""
    try:
        lines = read_yaml(text, path=path)
    except SpecError as error:
        raise SpecFaults([error]) from None
    if not isinstance(lines.data, dict):
        raise _alone("must be a mapping (`key: value` lines): `name`, `description`, `instructions` ...", path=path)
    wrong = [SpecError(said, path=path, line=line, field=dotted(at)) for at, line, said in lines.faults]
    wrong += as_errors(name_faults(lines, stem=stem), lines, path=path)
    try:
        spec = AgentSpec.model_validate(lines.data, strict=True)
        wrong += as_errors(spec_faults(spec), lines, path=path)
    except ValidationError as error:
        told = {fault.field for fault in wrong}
        wrong += [fault for fault in faults(error, lines, AgentSpec, path=path) if fault.field not in told]
    if wrong:
        raise SpecFaults(sorted(wrong, key=lambda fault: fault.line or 0))
    return spec


def _load(path: Path) -> AgentSpec:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _alone(f"not UTF-8 text (byte {error.start}); save it as UTF-8", path=str(path)) from None
    except OSError as error:
        raise _alone(f"cannot be read: {error.strerror}", path=str(path)) from None
    return parse_agent(text, path=str(path), stem=path.stem)


def _alone(message: str, *, path: str = "") -> SpecFaults:
    return SpecFaults([SpecError(message, path=path)])
