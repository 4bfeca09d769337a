"""Agent file: which agents are there? For whoever looks often: a file is read again when it has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from midwatch.agent_file import NAME, load_agent
from midwatch.errors import SpecError
from midwatch.spec import AgentSpec

Stamp = tuple[int, int, int]


@dataclass(slots=True, kw_only=True)
class Agents:
    """The files of one folder."""

    folder: Path
    _known: dict[str, tuple[Stamp, AgentSpec | SpecError]] = field(default_factory=dict)

    def find(self, name: str) -> AgentSpec | None:
        """One agent; None where there is none.

        Raises:
            SpecError: its file is wrong.
        """
        path = self.folder / f"{name}.yaml"
        if not NAME.fullmatch(name) or (stamp := _stamp(path)) is None:
            return None
        standing = self._known.get(name)
        if standing is None or standing[0] != stamp:
            standing = self._known[name] = (stamp, _read(path))
        if isinstance(standing[1], SpecError):
            raise standing[1]
        return standing[1]

    def readable(self, name: str) -> AgentSpec | None:
        """One agent; None where there is none, or its file is wrong."""
        try:
            return self.find(name)
        except SpecError:
            return None

    def every(self) -> tuple[dict[str, AgentSpec], list[SpecError]]:
        """All whose file can be read, by name, and what is wrong with the others."""
        found: dict[str, AgentSpec] = {}
        wrong: list[SpecError] = []
        for path in sorted(self.folder.glob("*.yaml")):
            try:
                if (spec := self.find(path.stem)) is not None:
                    found[path.stem] = spec
            except SpecError as error:
                wrong.append(error)
        return found, wrong


def _read(path: Path) -> AgentSpec | SpecError:
    try:
        return load_agent(path)
    except SpecError as error:
        return error


def _stamp(path: Path) -> Stamp | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
