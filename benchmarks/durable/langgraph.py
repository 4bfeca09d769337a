"""Durable steps, `langgraph`: a StateGraph of a model and its tools, the SQLite checkpointer, the default durability."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from benchmarks.durable.work import INSTRUCTIONS, PROMPT, Work, call_id, noted


@tool
async def note_number(n: int) -> str:
    """Note one number."""
    return noted(n)


class Scripted(BaseChatModel):
    """The scripted model as LangChain has it."""

    work: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the benchmark is asynchronous")

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        number = await self.work.asked(messages[-1].text if messages[-1].type == "tool" else "")
        if number is None:
            message = AIMessage(self.work.last_words())
        else:
            call = ToolCall(name=note_number.name, args={"n": number}, id=call_id(number))
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


def built(work: Work, saver: AsyncSqliteSaver) -> Any:
    """The graph: model, then tools, until the model calls none."""
    model = Scripted(work=work)

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke([SystemMessage(INSTRUCTIONS), *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", ask)
    graph.add_node("tools", ToolNode([note_number]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=saver)


async def run(work: Work) -> None:
    """One life. A graph goes on from its last checkpoint when it is called without an input."""
    config = RunnableConfig(configurable={"thread_id": work.name}, recursion_limit=2 * work.steps + 10)
    async with AsyncSqliteSaver.from_conn_string(str(work.store / "checkpoints.db")) as saver:
        await saver.setup()
        graph = built(work, saver)
        work.called()
        beginning = None if work.life == "resumed" else {"messages": [("user", PROMPT)]}
        state = await graph.ainvoke(beginning, config)
        work.answered(state["messages"][-1].text)
