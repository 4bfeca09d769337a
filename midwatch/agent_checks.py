"""Agent file: what is wrong with it that no schema can say? Its name, its places to fill in, its functions' names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from midwatch.arrival_checks import trigger_faults
from midwatch.contract import Check
from midwatch.contract.load import checks_of, effect_faults, pattern_faults, patterns_of
from midwatch.errors import SpecError
from midwatch.named_function import PATTERN as FUNCTION
from midwatch.spec import AgentSpec, Tool
from midwatch.spec_faults import place
from midwatch.templates import unknown_place
from midwatch.yaml_lines import Lines, Path, dotted

Fault = tuple[Path, str]


def name_faults(lines: Lines, *, stem: str) -> Iterator[Fault]:
    """The name is the file's."""
    name = lines.data.get("name")
    if isinstance(name, str) and name != stem:
        yield ("name",), f"`{name}` is not the file's name; call it `{stem}`, or the file `{name}.yaml`"


def spec_faults(spec: AgentSpec) -> Iterator[Fault]:
    """Nobody runs unattended without a contract; every place to fill in is known; every function is named."""
    if spec.ceiling == 5 and not spec.contract.done_when:
        said = "5 (unattended) needs `contract.done_when`: without it nobody could tell a good night from a bad one"
        yield ("ceiling",), said
    for name, schema in spec.input.items():
        if (fault := schema_fault(schema)) is not None:
            yield ("input", name), fault
    for path, text in _filled(spec):
        has_item = spec.for_each is not None and path[0] != "contract"
        wrong = unknown_place(text, inputs=spec.input, has_item=has_item)
        if wrong:
            yield path, wrong
    yield from trigger_faults(spec)
    yield from pattern_faults(spec)
    yield from effect_faults(spec)
    for path, name in _functions(spec):
        if not FUNCTION.fullmatch(name):
            yield path, f"`{name}` must be `module:function`, as in `agents.my_agent.tools:send`"


def schema_fault(schema: Any) -> str | None:
    """What keeps `schema` from being the JSON schema of one input, or None."""
    if not isinstance(schema, dict):
        return "it must be a JSON schema, as in `{type: string}`"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"it is not a JSON schema: {error.message}"
    return None


def as_errors(faults: Iterator[Fault], lines: Lines, *, path: str) -> list[SpecError]:
    """With file, line and field as they stand in the text."""
    places = [(place(at, lines.data), said) for at, said in faults]
    return [SpecError(said, path=path, line=lines.line(at), field=dotted(at)) for at, said in places]


def _filled(spec: AgentSpec) -> Iterator[tuple[Path, str]]:
    yield ("prompt",), spec.prompt
    for position, tool in enumerate(spec.tools):
        yield from _texts(("tools", position, "bind"), tool.bind)
    for at, check in checks_of(spec):
        yield from _texts_of_check(at, check)


def _texts_of_check(at: Path, check: Check) -> Iterator[tuple[Path, str]]:
    """Whatever of it has places to fill in."""
    if check.file:
        yield (*at, "file", "path"), check.file.path
    if check.command:
        yield from _texts((*at, "command", "argv"), check.command.argv)
    if check.http:
        yield (*at, "http", "url"), check.http.url
    if check.sql:
        yield (*at, "sql", "query"), check.sql.query
    if check.change and check.change.sql:
        yield (*at, "change", "sql", "query"), check.change.sql.query
    if check.change and check.change.file:
        yield (*at, "change", "file"), check.change.file
    if check.effects:
        yield from _texts((*at, "effects", "arguments"), check.effects.arguments)
    yield from patterns_of(at, check)


def _functions(spec: AgentSpec) -> Iterator[tuple[Path, str]]:
    named: list[tuple[Path, Tool | Check]] = [(("tools", at), tool) for at, tool in enumerate(spec.tools)]
    named += checks_of(spec)
    yield from (((*at, "python"), entry.python) for at, entry in named if entry.python is not None)


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, part in value.items():
                yield from _texts((*path, key), part)
        case list():
            for position, part in enumerate(value):
                yield from _texts((*path, position), part)
