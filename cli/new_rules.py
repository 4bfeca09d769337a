"""`midwatch backtest --rules NEW.yaml`: which agent would that be? A whole agent file, or the rules of one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.rulebook import WrittenAgent
from midwatch.agent_file import parse_agent
from midwatch.errors import SpecError, SpecFaults
from midwatch.spec import Rules
from midwatch.spec_faults import faults
from midwatch.yaml_lines import MAX_BYTES, Lines, dotted, read_yaml

_WHOLE: Final = frozenset({"name", "description", "instructions", "tools"})
"""A file with one of these keys is an agent's."""


class _RulesFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Rules


def new_agent(path: Path, written: WrittenAgent) -> WrittenAgent:
    """`written` as the file at `path` would have it.

    Raises:
        SpecError: it is neither an agent file nor rules, or something in it is wrong; names file, line and field.
    """
    text = _text(path)
    lines = read_yaml(text, path=str(path))
    if not isinstance(lines.data, dict):
        said = (
            "must be a whole agent file, or its rules: `allow`, `ask` and `deny`, with or without `rules:` above them"
        )
        raise SpecError(said, path=str(path), line=1)
    if _WHOLE.intersection(lines.data):
        spec = parse_agent(text, path=str(path), stem=written.spec.name)
        return WrittenAgent(spec=spec, file=str(path), lines=lines)
    lines = lines if "rules" in lines.data else _under_rules(lines)
    spec = written.spec.model_copy(update={"rules": _rules(lines, str(path))})
    return WrittenAgent(spec=spec, file=str(path), lines=lines)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start}); save it as UTF-8", path=str(path)) from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", path=str(path)) from None


def _under_rules(lines: Lines) -> Lines:
    """As if `rules:` stood above it, so that a field has one name."""
    return Lines(
        data={"rules": lines.data},
        at={("rules", *path): line for path, line in lines.at.items()},
        faults=[(("rules", *path), line, said) for path, line, said in lines.faults],
    )


def _rules(lines: Lines, path: str) -> Rules:
    wrong = [SpecError(said, path=path, line=line, field=dotted(at)) for at, line, said in lines.faults]
    try:
        read = _RulesFile.model_validate(lines.data, strict=True)
    except ValidationError as error:
        wrong += faults(error, lines, _RulesFile, path=path)
    if wrong:
        raise SpecFaults(sorted(wrong, key=lambda fault: fault.line or 0))
    return read.rules
