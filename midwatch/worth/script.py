"""Worth: what would the plain script be that does what the agent does every time? Written out as text; nothing is run.

What the agent only read is left out: it changed nothing of what it did. What no plain script can call (an agent's own
functions, MCP servers, notes, a person) is left to be written by hand, and the script refuses to begin until it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from midwatch.spec import AgentSpec, Tool
from midwatch.worth.sequence import Filled, Invariant, Place, Repeated
from midwatch.worth.template import BEGIN, HELPERS

_ONLY_READS: Final = frozenset({"read_file", "list_dir", "read_notes"})


def script_of(spec: AgentSpec, invariant: Invariant) -> str:
    """A Python program of the standard library alone, to be read before it is run."""
    tools: dict[str, Tool] = {tool.builtin: tool for tool in spec.tools if tool.builtin is not None}
    steps = [_step(call, tools) for call in invariant.calls]
    by_hand = [call.tool for call, (_, helper) in zip(invariant.calls, steps, strict=True) if helper is None]
    helpers = sorted({helper for _, helper in steps if helper})
    inputs = sorted({place.removeprefix("input.") for place in _places(invariant) if place.startswith("input.")})
    return "\n".join(
        [
            *_head(spec, invariant),
            BEGIN,
            *(HELPERS[name] for name in helpers),
            *_arguments(inputs, per_item=invariant.per_item),
            *([f"raise SystemExit({_left(by_hand)!r})", ""] if by_hand else []),
            *_body([line for line, _ in steps], per_item=invariant.per_item),
            "",
        ]
    )


def _head(spec: AgentSpec, invariant: Invariant) -> Iterator[str]:
    yield "#!/usr/bin/env python3"
    yield f'"""What {spec.name} did in each of its last {invariant.runs} verified runs. Read it before you run it.'
    yield ""
    yield "It asks nobody, keeps to no rule and no budget, and checks no contract. What never varied is written in as it was."
    if not invariant.indifferent:
        yield "What the agent read was the same each time, too: had it differed, the agent might have done something else."
    yield '"""'
    yield ""


def _arguments(inputs: Sequence[str], *, per_item: bool) -> Iterator[str]:
    yield 'ARGUMENTS = argparse.ArgumentParser(description="Run it in the folder of prefect.yaml.")'
    for name in inputs:
        yield f"ARGUMENTS.add_argument({'--' + name!r}, dest={'input.' + name!r}, required=True)"
    if per_item:
        yield 'ARGUMENTS.add_argument("items", nargs="+", help="files, relative to this folder")'
    yield "RUN = ARGUMENTS.parse_args()"
    yield "INPUT = vars(RUN)"
    yield "DATE = datetime.date.today().isoformat()"
    yield ""


def _body(lines: Sequence[str], *, per_item: bool) -> Iterator[str]:
    if not per_item:
        yield from lines
        return
    yield "for ITEM in RUN.items:"
    yield from (f"    {line}" for line in lines)
    yield "    pass"


def _left(by_hand: Sequence[str]) -> str:
    return f"nothing was done: write by hand what no plain script can call ({', '.join(dict.fromkeys(by_hand))}), below"


def _step(call: Repeated, tools: Mapping[str, Tool]) -> tuple[str, str | None]:
    """Its line, and the helper that it calls; "" where it needs none, None where it is left to be done by hand."""
    args = {name: expression(value) for name, value in call.args.items()}
    root = repr(tools[call.tool].root) if call.tool in tools else ""
    match call.tool:
        case name if name in _ONLY_READS:
            return f"# it read here: {name}({_said(args)})", ""
        case "write_file" if root:
            return f"write({root}, {args['path']}, {args['content']})", "write"
        case "delete_file" if root:
            return f"delete({root}, {args['path']})", "delete"
        case "shell" if root:
            return f"shell({root}, {_command(call.args['command'])}, {args.get('timeout', '60')})", "shell"
        case "http_request" if call.tool in tools:
            sent = (args["method"], args["url"], args.get("headers", "{}"), args.get("body", "''"))
            return f"http({', '.join(sent)}, {tools[call.tool].credentials!r})", "http"
        case name:
            return f"# by hand: {name}({_said(args)})", None


def _said(args: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in args.items())


def _command(command: str | Filled) -> str:
    """What comes from outside must be a plain word: quotes around it in the command would not hold it."""
    if isinstance(command, str):
        return repr(command)
    parts = (repr(part) if isinstance(part, str) else f"plain({_place(part)})" for part in command.parts)
    return " + ".join(parts)


def expression(value: Any) -> str:
    """A value of a call as Python; whatever stands in it stays text."""
    match value:
        case Filled():
            return " + ".join(repr(part) if isinstance(part, str) else _place(part) for part in value.parts)
        case Mapping():
            return "{" + ", ".join(f"{key!r}: {expression(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(expression, value)) + "]"
        case None | bool() | int() | float() | str():
            return repr(value)
        case _:
            raise TypeError(f"{value!r} is no JSON value")


def _place(place: Place) -> str:
    return {"date": "DATE", "item": "ITEM"}.get(place.name, f"INPUT[{place.name!r}]")


def _places(invariant: Invariant) -> Iterator[str]:
    def of(value: Any) -> Iterator[str]:
        match value:
            case Filled():
                yield from (part.name for part in value.parts if isinstance(part, Place))
            case Mapping():
                for one in value.values():
                    yield from of(one)
            case list():
                for one in value:
                    yield from of(one)

    for call in invariant.calls:
        yield from of(call.args)
