from collections.abc import Callable

import pytest
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.exceptions import CallDeferred
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from midwatch.run import RunFacts
from tests.tasks.tools.agent_tools import Tools


async def test_a_question_is_put_off_with_its_options(tools_of: Callable[..., Tools]) -> None:
    with pytest.raises(CallDeferred) as caught:
        await tools_of("ask_human").call("ask_human", question="Which one?", options=["a", "b"])
    assert caught.value.metadata == {"question": "Which one?", "options": ["a", "b"]}
    assert caught.value.kind == "question"


async def test_the_answer_arrives_as_the_tools_result(tools_of: Callable[..., Tools]) -> None:
    def think(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        answers = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if answers:
            return ModelResponse(parts=[TextPart(f"They said {answers[0].content}")])
        return ModelResponse(parts=[ToolCallPart("ask_human", {"question": "Which?"}, tool_call_id="q1")])

    tools = tools_of("ask_human")
    agent = Agent(
        FunctionModel(think), deps_type=RunFacts, output_type=[str, DeferredToolRequests], toolsets=[tools.toolset]
    )
    waiting = await agent.run("Go.", deps=tools.facts)
    assert isinstance(waiting.output, DeferredToolRequests)
    assert waiting.output.metadata["q1"] == {"question": "Which?", "options": []}
    results = DeferredToolResults(calls={"q1": "the blue one"})
    done = await agent.run(message_history=waiting.all_messages(), deferred_tool_results=results, deps=tools.facts)
    assert done.output == "They said the blue one"
