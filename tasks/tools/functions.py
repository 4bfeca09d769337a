"""Tools: how does a typed Python function become a tool? The built-ins are such functions too.

The model sees the schema without the bound parameters. What it sends is checked together with the bound values against
the function's own types, and handed on as plain JSON values with every default filled in: that is what the gate judges,
shows, hashes and stores. `call_tool` takes the full set, bound values included, and calls the function with just that,
and with the call's idempotency key where the function has a parameter for it: the key names the call, it is no part of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_ai import FunctionToolset, RunContext, ToolsetTool
from pydantic_ai import Tool as FunctionTool
from pydantic_ai.exceptions import UserError
from pydantic_ai.tools import ToolDefinition
from pydantic_core import InitErrorDetails, PydanticSerializationError, from_json, to_json, to_jsonable_python

from midwatch.errors import CallError, SpecError
from midwatch.risk import IDEMPOTENCY_KEY, ToolFacts
from midwatch.run import RunFacts
from midwatch.templates import fill_value
from tasks.tools.definition import code_of, declared


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One function, offered as a tool."""

    function: Callable[..., Any]
    facts: ToolFacts
    """Without `bind`."""
    bind: Mapping[str, Any] = field(default_factory=dict)
    """As the agent file has it: templates, filled in for each run and item."""
    where: str = "tools"
    """Its field in the agent file, for messages: `tools[2].python`."""

    @cached_property
    def takes_key(self) -> bool:
        """Whether the function is given the call's idempotency key."""
        return IDEMPOTENCY_KEY in inspect.signature(self.function).parameters

    @cached_property
    def filled_in(self) -> frozenset[str]:
        """The parameters that are not the model's to set."""
        return frozenset(self.bind) | ({IDEMPOTENCY_KEY} if self.takes_key else set())


class FunctionTools(FunctionToolset[RunFacts]):
    """Functions as tools. A `FunctionToolset`, so that durable execution knows it for what it is."""

    def __init__(self, offered: Sequence[Offered], *, id: str, per_item: bool = False) -> None:
        """Args:
            offered: no two with the same name.
            id: unique among the toolsets of an agent.
            per_item: the agent has `for_each`: outside of an item nothing is bound, so nothing with `bind` can be called.

        Raises:
            SpecError: a function has no full type annotations, or `bind` names no parameter of it.
        """
        super().__init__([_function_tool(one) for one in offered], id=id)
        self._offered = {one.function.__name__: one for one in offered}
        self._per_item = per_item
        self._shown: dict[str, ToolDefinition] = {}

    async def get_tools(self, ctx: RunContext[RunFacts]) -> dict[str, ToolsetTool[RunFacts]]:
        tools = await super().get_tools(ctx)
        return {name: self._as_offered(self._offered[name], tool, ctx.deps) for name, tool in tools.items()}

    def _as_offered(self, one: Offered, tool: ToolsetTool[RunFacts], facts: RunFacts) -> ToolsetTool[RunFacts]:
        bound = self._values(one, facts)
        definition = self._definition(one, tool.tool_def)
        if bound:
            metadata = {**(definition.metadata or {}), "midwatch": replace(one.facts, bind=bound)}
            definition = replace(definition, metadata=metadata)
        full = self.tools[tool.tool_def.name]
        validator = ModelArguments(tool=full, bound=bound, closed=one.filled_in, where=one.where)
        return replace(tool, tool_def=definition, args_validator=validator)

    def _definition(self, one: Offered, full: ToolDefinition) -> ToolDefinition:
        """What the model is told of a tool. Worked out once: tools are listed before each model request."""
        if full.name not in self._shown:
            schema = without(full.parameters_json_schema, one.filled_in)
            shown = replace(full, parameters_json_schema=schema)
            self._shown[full.name] = declared(shown, one.facts, code_of(one.function))
        return self._shown[full.name]

    def _values(self, one: Offered, facts: RunFacts) -> dict[str, Any]:
        """What code fills in, worked out anew at every listing, before each model request: it may follow earlier calls."""
        if self._per_item and facts.item is None:
            return {}
        return {name: _value(value, facts, f"{one.where}.bind.{name}") for name, value in one.bind.items()}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        """Call the function with exactly `tool_args`, bound values included.

        Raises:
            CallError: the arguments lack a bound value or do not fit the function's types (after an edit by a person).
        """
        missing = sorted(set(self._offered[name].bind) - set(tool_args))
        if missing:
            raise CallError(f"{name}: the judged call lacks what code fills in: {', '.join(missing)}")
        if self._offered[name].takes_key:
            tool_args = {**tool_args, IDEMPOTENCY_KEY: ctx.deps.idempotency_key(ctx.tool_call_id)}
        try:
            typed = self.tools[name].function_schema.validator.validate_json(to_json(tool_args))
        except ValidationError as error:
            raise CallError(f"{name}: the arguments do not fit: {error}") from error
        return await super().call_tool(name, typed, ctx, tool)


@dataclass(frozen=True, kw_only=True)
class ModelArguments:
    """pydantic-ai's `args_validator`: checks what the model sends, returns it as plain JSON with defaults filled in."""

    tool: FunctionTool[RunFacts]
    bound: Mapping[str, Any]
    closed: frozenset[str]
    """Parameters that are not the model's to set."""
    where: str

    def validate_json(self, input: str | bytes | bytearray, **options: Any) -> dict[str, Any]:
        try:
            parsed = from_json(input, allow_inf_nan=False)
        except ValueError as error:
            raise self._refusal("json_invalid", (), input, error=str(error)) from error
        return self.validate_python(parsed, **options)

    def validate_python(self, input: Any, *, context: Any = None, **_: Any) -> dict[str, Any]:
        """Raises pydantic's ValidationError (the model hears it), or SpecError where a bound value is what is wrong."""
        if not isinstance(input, dict):
            raise self._refusal("dict_type", (), input)
        for name in set(input) & self.closed:
            raise self._refusal("extra_forbidden", (name,), input[name])
        filled_in = {**dict.fromkeys(self.closed & {IDEMPOTENCY_KEY}, "not yet"), **self.bound}
        try:
            text = to_json({**input, **filled_in})
        except (PydanticSerializationError, UnicodeError) as error:
            raise self._refusal("json_invalid", (), "...", error=str(error)) from error
        try:
            typed = self.tool.function_schema.validator.validate_json(text, context=context)
        except ValidationError as error:
            for detail in error.errors():
                if detail["loc"] and detail["loc"][0] in self.bound:
                    raise SpecError(f"{detail['msg']}", field=f"{self.where}.bind.{detail['loc'][0]}") from error
            raise
        plain: dict[str, Any] = to_jsonable_python(typed)
        return {name: value for name, value in plain.items() if name not in filled_in}

    def _refusal(self, kind: str, loc: tuple[str, ...], value: Any, **context: Any) -> ValidationError:
        detail = InitErrorDetails(type=kind, loc=loc, input=value, ctx=context)
        return ValidationError.from_exception_data(self.tool.name, [detail], input_type="json")


def _value(value: Any, facts: RunFacts, field: str) -> Any:
    try:
        return to_jsonable_python(fill_value(value, facts, field=field))
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(f"{value!r} failed: {type(error).__name__}: {error}", field=field) from error


def without(schema: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A tool's JSON schema without the properties in `names`."""
    if not names:
        return schema
    kept = {key: value for key, value in schema.get("properties", {}).items() if key not in names}
    required = [name for name in schema.get("required", []) if name not in names]
    rest = {key: value for key, value in schema.items() if key not in ("properties", "required")}
    return {**rest, "properties": kept, **({"required": required} if required else {})}


def _function_tool(one: Offered) -> FunctionTool[RunFacts]:
    _check_signature(one)
    try:
        tool = FunctionTool[RunFacts](one.function)
    except (UserError, NameError, TypeError) as error:
        raise SpecError(str(error), field=one.where) from error
    if tool.function_schema.single_arg_name is not None:
        said = f"{tool.name!r} takes one model as its only parameter; make its fields the function's parameters"
        raise SpecError(said, field=one.where)
    takes = tool.function_schema.json_schema.get("properties", {})
    if IDEMPOTENCY_KEY in one.bind:
        raise SpecError(
            "code fills it in, for every call another one; take it out", field=f"{one.where}.bind.{IDEMPOTENCY_KEY}"
        )
    for name in one.facts.sinks or ():
        if name not in takes:
            said = (
                f"{tool.name!r} has no parameter {name!r}, which it calls a sink; it has: {', '.join(takes) or 'none'}"
            )
            raise SpecError(said, field=one.where)
    for name in one.bind:
        if name not in takes:
            said = f"{tool.name!r} has no parameter {name!r}; it has: {', '.join(takes) or 'none'}"
            raise SpecError(said, field=f"{one.where}.bind.{name}")
    return tool


def _check_signature(one: Offered) -> None:
    """Every parameter has a name and a type, and so has the result."""
    name, signature = one.function.__name__, inspect.signature(one.function)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            said = f"{name!r} takes {parameter}; a tool's parameters each have a name: write them out"
            raise SpecError(said, field=one.where)
        if parameter.annotation is parameter.empty:
            said = f"parameter {parameter.name!r} of {name!r} has no type; write `{parameter.name}: str` or what it is"
            raise SpecError(said, field=one.where)
    if signature.return_annotation is signature.empty:
        raise SpecError(f"{name!r} does not say what it returns; write `-> str` or what it is", field=one.where)
