from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from midwatch.errors import CallError, SpecError
from midwatch.risk import ToolFacts
from tasks.tools.functions import FunctionTools
from tests.tasks.tools.agent_tools import Tools, declared

HERE = "tests.tasks.tools.sample_functions"
ToolsOf = Callable[..., Tools]


def python(name: str, **bind: Any) -> dict[str, Any]:
    return {"python": f"{HERE}:{name}", "bind": bind}


async def test_a_function_is_called_with_its_own_types(tools_of: ToolsOf) -> None:
    said = await tools_of(python("pay")).call("pay", to="Ann", day="2025-03-04", address={"street": "Elm"})
    assert said == ("clerk Ann datetime.date(2025, 3, 4) <Colour.RED: 'red'> Address(street='Elm', number=1)")


async def test_what_the_gate_judges_is_plain_json_with_every_default(tools_of: ToolsOf) -> None:
    tool = (await tools_of(python("pay")).listed())["pay"]
    judged = tool.args_validator.validate_json(
        '{"to": "Ann", "day": "2025-03-04", "address": {"street": "Elm", "number": "2"}}'
    )
    assert judged == {"to": "Ann", "day": "2025-03-04", "colour": "red", "address": {"street": "Elm", "number": 2}}


async def test_a_declared_function_carries_its_facts_and_an_undeclared_one_the_worst(tools_of: ToolsOf) -> None:
    listed = await tools_of(python("pay"), python("undeclared")).listed()
    assert declared(listed["pay"]).risk == "money"
    assert declared(listed["undeclared"]) == ToolFacts(risk="execute", idempotent=False, untrusted=True)


async def test_the_model_is_told_the_docstring(tools_of: ToolsOf) -> None:
    definition = (await tools_of(python("pay")).listed())["pay"].tool_def
    assert definition.description == "Pay somebody."
    assert definition.parameters_json_schema["properties"]["to"]["description"] == "Who gets it."


async def test_a_bound_argument_is_not_in_the_schema_and_arrives(tools_of: ToolsOf) -> None:
    tools = tools_of(python("many", names=["{input.who}", "b"]), input={"who": {"type": "string"}})
    object.__setattr__(tools.facts, "input", {"who": "a"})
    definition = (await tools.listed())["many"].tool_def
    assert list(definition.parameters_json_schema["properties"]) == ["text"]
    assert definition.parameters_json_schema["required"] == ["text"]
    assert await tools.call("many", text="x") == "x: a, b"


async def test_a_bound_function_is_asked_for_each_item(tools_of: ToolsOf) -> None:
    tools = tools_of(python("many", names=f"{HERE}:first_of_run"), for_each={"files": "*.eml"})
    assert declared((await tools.listed("1.eml"))["many"]).bind == {"names": ["run-1", "1.eml"]}
    assert await tools.call("many", item="2.eml", text="x") == "x: run-1, 2.eml"


async def test_a_bound_function_follows_what_happened_before(tools_of: ToolsOf) -> None:
    tools = tools_of(python("many", names=f"{HERE}:files_there"))
    assert await tools.call("many", text="x") == "x: "
    (tools.facts.project / "new.txt").touch()
    assert await tools.call("many", text="x") == "x: new.txt"


async def test_a_bound_function_that_fails_is_named(tools_of: ToolsOf) -> None:
    with pytest.raises(SpecError, match="ZeroDivisionError") as caught:
        await tools_of(python("many", names=f"{HERE}:broken")).listed()
    assert caught.value.field == "tools[0].bind.names"


async def test_outside_of_an_item_a_tool_with_bind_is_listed_and_cannot_be_called(tools_of: ToolsOf) -> None:
    tools = tools_of(python("many", names=["{item}"]), for_each={"files": "*.eml"})
    assert declared((await tools.listed())["many"]).bind is None
    with pytest.raises(CallError, match="lacks what code fills in: names"):
        await tools.toolset.call_tool("many", {"text": "x"}, tools.context(), (await tools.listed())["many"])


async def test_the_model_cannot_set_a_bound_argument(tools_of: ToolsOf) -> None:
    with pytest.raises(ValidationError, match="names"):
        await tools_of(python("many", names=["a"])).call("many", text="x", names=["mine"])


async def test_a_function_that_takes_the_idempotency_key_gets_the_calls_own(tools_of: ToolsOf) -> None:
    tools = tools_of(python("refund"), for_each={"files": "*.eml"})
    assert await tools.call("refund", order="7") == "7 under run-1::call-1"
    assert await tools.call("refund", item="a.eml", order="7") == "7 under run-1:a.eml:call-1"


async def test_the_key_is_neither_the_models_nor_a_part_of_the_judged_call(tools_of: ToolsOf) -> None:
    tools = tools_of(python("refund"))
    tool = (await tools.listed())["refund"]
    assert list(tool.tool_def.parameters_json_schema["properties"]) == ["order"]
    assert (tool.args_validator.validate_json('{"order": "7"}'), declared(tool).bind) == ({"order": "7"}, None)
    with pytest.raises(ValidationError, match="idempotency_key"):
        await tools.call("refund", order="7", idempotency_key="mine")


async def test_a_bound_value_of_the_wrong_type_is_the_files_fault(tools_of: ToolsOf) -> None:
    with pytest.raises(SpecError) as caught:
        await tools_of(python("many", names="a")).call("many", text="x")
    assert caught.value.field == "tools[0].bind.names"


async def test_a_call_that_a_person_edited_is_checked_again(tools_of: ToolsOf) -> None:
    tools = tools_of(python("pay"))
    with pytest.raises(CallError, match="do not fit"):
        await tools.toolset.call_tool(
            "pay", {"to": "Ann", "day": "soon"}, tools.context(), (await tools.listed())["pay"]
        )


@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"text": NaN}', '{"text": "\\ud800"}', '{"text": "a", "more": 1}'])
async def test_what_is_not_one_object_that_fits_is_told_to_the_model(tools_of: ToolsOf, text: str) -> None:
    tool = (await tools_of(python("undeclared")).listed())["undeclared"]
    with pytest.raises(ValidationError):
        tool.args_validator.validate_json(text)


@pytest.mark.parametrize(
    ("name", "bind", "field", "said"),
    [
        ("untyped", {}, "tools[0]", "parameter 'text' of 'untyped' has no type"),
        ("unanswered", {}, "tools[0]", "does not say what it returns"),
        ("starred", {}, "tools[0]", "each have a name"),
        ("one_model", {}, "tools[0]", "make its fields the function's parameters"),
        ("undeclared", {"txt": 1}, "tools[0].bind.txt", "no parameter 'txt'; it has: text"),
        ("refund", {"idempotency_key": "k"}, "tools[0].bind.idempotency_key", "code fills it in"),
        ("undeclard", {}, "tools[0].python", "did you mean `undeclared`"),
    ],
)
def test_a_function_that_cannot_be_a_tool_says_why(
    tools_of: ToolsOf, name: str, bind: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        tools_of(python(name, **bind))
    assert caught.value.field == field


def test_durable_execution_knows_the_toolset_by_its_id() -> None:
    assert FunctionTools([], id="tools").id == "tools"
