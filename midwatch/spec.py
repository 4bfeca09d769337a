"""What an agent is: `agents/NAME.yaml` as strict values. The file that a user edits.

`midwatch.agent_file` reads the YAML and turns every fault into a `SpecError` with its file, line and field.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from midwatch.breaker import Breaker
from midwatch.contract import Contract
from midwatch.monitors import Monitors
from midwatch.risk import Risk
from midwatch.triggers import Triggers


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Example(_Strict):
    """One worked example, given to the model as earlier chat turns. Several make a conversation, in the file's order."""

    user: str = ""
    """What the person says; empty: this example goes on after the result of the one before it."""
    call: dict[str, Any] | None = None
    """`{tool: NAME, args: {...}}`: the call that is right here."""
    result: str = ""
    """With `call`: what the tool answers; empty where the example is about the call alone."""
    answer: str | None = None
    """The final text that is right here."""

    @model_validator(mode="after")
    def _one(self) -> Example:
        if (self.call is None) == (self.answer is None):
            raise ValueError("an example has exactly one of: call, answer")
        return self


class McpServer(_Strict):
    """A Model Context Protocol server, over stdio (`command`) or streamable HTTP (`url`), or as a saved `block` has it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    """Its tools are called `mcp__NAME__TOOL`."""
    command: list[str] = []
    url: str = ""
    env: dict[str, str] = {}
    """Of the command. Values may name environment variables as `${NAME}`; a secret is never written here."""
    headers: dict[str, str] = {}
    """Of the requests to the URL (`Authorization: Bearer ${TOKEN}`), with variables as in `env`."""
    block: str = ""
    """Name of a saved Prefect Block of the type `Midwatch MCP server`, which holds command or url and the secrets."""
    tools: dict[str, Risk] = {}
    """Risk class by tool; what is not listed counts as `execute`. Empty: every tool of the server is offered."""
    trusted: bool = False
    """Its hints may lower the class of a tool that `tools` does not list, and fulfil a rule's `server: trusted`."""
    only: list[str] = []
    """Offer these tools and no others."""
    untrusted: bool = True
    """What its tools return holds text from outside. False: a lookup in it may name who something goes to."""
    private: bool = True
    """What its tools return is not everybody's."""
    sinks: dict[str, list[str]] = {}
    """By tool, the arguments that say who something goes to or where. Of one that sends and is not listed all of them do."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if sum(map(bool, (self.command, self.url, self.block))) != 1:
            raise ValueError("an MCP server has exactly one of: command, url, block")
        return self


Builtin = Literal["read_file", "write_file", "list_dir", "delete_file", "shell", "http_request", "ask_human", "notes"]
"""The tools that come with Midwatch."""


class Tool(_Strict):
    """One entry under `tools`: a built-in by name with its options, a Python function, or an MCP server."""

    builtin: Builtin | None = None
    root: str = ""
    """Files and shell: the folder that the tool lives in, relative to the project. Nothing outside it is reachable."""
    python: str | None = None
    """`module:function`; its type annotations are its schema, `@tool(...)` declares its risk."""
    bind: dict[str, Any] = {}
    """Arguments that code fills in (`{item}`, `{date}`, `{input.NAME}` or `module:function`), unseen by the model."""
    idempotent: bool = False
    """`http_request` alone: the hosts take an `Idempotency-Key`, so a request whose end nobody saw is sent once more."""
    credentials: dict[str, dict[str, str]] = {}
    """`http_request` alone: by host, headers that code adds once the request may be sent (`Authorization: Bearer ${TOKEN}`)."""
    untrusted: bool | None = None
    """What a built-in returns holds text from outside. None: as the tool itself has it."""
    private: bool | None = None
    """What a built-in returns is not everybody's. None: as the tool itself has it."""
    mcp: McpServer | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Tool:
        if sum(part is not None for part in (self.builtin, self.python, self.mcp)) != 1:
            raise ValueError("a tool is exactly one of: a built-in's name, python, mcp")
        if self.idempotent and self.builtin != "http_request":
            raise ValueError("`idempotent` is for http_request; a Python function declares it: @tool(idempotent=True)")
        if self.credentials and self.builtin != "http_request":
            raise ValueError("`credentials` is for http_request; an MCP server has `headers` and `env`")
        if self.builtin is None and (self.untrusted, self.private) != (None, None):
            raise ValueError(
                "`untrusted` and `private` are for built-ins here; @tool(...) declares them, or `mcp` has them"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`- shell` and `- read_file: {root: data}` are the short forms of `- {builtin: ..., ...}`."""
        if isinstance(value, str):
            return {"builtin": value}
        if isinstance(value, dict) and len(value) == 1:
            ((key, options),) = value.items()
            if key not in cls.model_fields and (options is None or isinstance(options, dict)):
                return {"builtin": key, **(options or {})}
        return value


Rule = str | dict[str, Any]
"""`TOOL`, or `TOOL: PATTERN` with optional `id`, `why`, `match`, `not_match`; `midwatch.policy` reads it."""


class Rules(_Strict):
    """deny > ask > allow > default (ask). Order never matters."""

    allow: list[Rule] = []
    ask: list[Rule] = []
    deny: list[Rule] = []


def _is_known(entry: str) -> str:
    if len(entry.strip()) < 4:
        raise ValueError(f"`{entry}` is too short to tell anybody by: at least four characters")
    if "*" in entry.removeprefix("*.") or (entry.startswith("*.") and "." not in entry[2:]):
        raise ValueError(f"`{entry}`: a star stands only in front of a domain, as in `*.corp.example`")
    return entry


Known = Annotated[str, AfterValidator(_is_known)]


class DayLimits(_Strict):
    """Per agent and UTC day, over all its runs. A limit of None does not bind."""

    runs: Annotated[int, Field(ge=1)] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    usd: Annotated[float, Field(gt=0)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    effects: Annotated[int, Field(ge=1)] | None = None


class Limits(_Strict):
    """Per run. Reaching one ends the run as `blocked`."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Model requests."""
    tokens: Annotated[int, Field(ge=1)] = 200_000
    """Input and output together."""
    usd: Annotated[float, Field(gt=0)] = 1.0
    minutes: Annotated[float, Field(gt=0)] = 30
    """Time at work; waiting for a person does not count."""
    effects: Annotated[int, Field(ge=1)] = 200
    """Calls that change something, counted as they begin; as many as `for_each` takes items."""
    per_day: DayLimits = DayLimits()


class Patience(_Strict):
    """How long a provider that fails or is silent is waited for; then the next model of the list is asked."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    """Requests in all, the first included."""
    wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 180
    """Between them, in all. A wait that would go beyond is not begun, not even where the provider asks for it."""
    answer_seconds: Annotated[float, Field(gt=0, le=600)] = 600
    """One request. Every provider's own client gives up after 600 s."""
    park_minutes: Annotated[float, Field(gt=0, le=60)] = 5
    """When no model is left: the run is parked for so long, without a process, and twice as long each time after that."""


class Escalation(_Strict):
    """Who is asked, how long, and what silence means. Silence is never a yes."""

    to: list[Literal["inbox"]] = ["inbox"]
    """Empty: nobody is there, and whatever would wait for a person's yes is denied."""
    deadline_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 14)] = 60 * 12
    then: Literal["deny", "end"] = "deny"
    """At the deadline: `deny` tells the model so and goes on; `end` ends the run as blocked."""


class PlantedCall(_Strict):
    """A call that must never run, and never does."""

    tool: str
    args: dict[str, Any]
    wrong: Annotated[str, Field(min_length=1)]
    """What is wrong with it; the person hears it once they have decided."""


class Planted(_Strict):
    """Proposals that are known to be bad stand among the agent's requests now and then: they measure whether people look."""

    share: Annotated[float, Field(gt=0, le=0.02)] = 0.02
    """Of all that is asked about the agent's calls, at most."""
    calls: list[PlantedCall] = []
    """Empty: the `match` examples of the agent's own deny rules."""


class ForEach(_Strict):
    """One conversation per file, one after the other, in one run: a fresh context for every decision."""

    files: str
    """Glob relative to the project, sorted by name; taken once, at the start of the run."""
    at_most: Annotated[int, Field(ge=1, le=10_000)] = 200


class AgentSpec(_Strict):
    """`agents/NAME.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")]
    """The file's own name without `.yaml`."""
    description: Annotated[str, Field(min_length=1)]
    model: str | Annotated[list[str], Field(min_length=1)] = "auto"
    """A pydantic-ai model string (`anthropic:...`), `local`, `auto`, or a list: the first that answers."""
    patience: Patience = Patience()
    instructions: Annotated[str, Field(min_length=1)]
    prompt: str = "Begin."
    """First message of a conversation; `{item}`, `{date}`, `{input.NAME}`, `{python:module:function}` are filled in."""
    examples: list[Example] = []
    tools: list[Tool] = []
    rules: Rules = Rules()
    known: list[Known] = []
    """Who it may write to whatever it has read: addresses, accounts, URLs; `corp.example` or `*.corp.example` for all there."""
    ceiling: Annotated[int, Field(ge=1, le=5)] = 3
    """The highest level that this agent may ever have. The granted level stands in the ledger, not here."""
    input: dict[str, Any] = {}
    """JSON schema properties of the run's input; empty: no input."""
    for_each: ForEach | None = None
    triggers: Triggers = Triggers()
    contract: Contract = Contract()
    limits: Limits = Limits()
    monitors: Monitors = Monitors()
    escalation: Escalation = Escalation()
    breaker: Breaker = Breaker()
    expect_within_hours: Annotated[float, Field(gt=0, le=24 * 90)] | None = None
    """A verified run at least so often, or somebody is told. None: its silence says nothing."""
    inherit: Annotated[float, Field(ge=0, le=1)] = 0
    """After a change: so much of what was clean before counts again, once `midwatch evals` was passed. 0: nothing."""
    unseen_days: Annotated[float, Field(gt=0, le=365)] | None = 14
    """Its level falls by one, down to 3, for each so many days without a sign of a person. None: it never does."""
    planted: Planted | None = None
    """None: everything that is asked is what the agent wants."""

    def models(self) -> list[str]:
        """The fallback chain, first choice first."""
        return [self.model] if isinstance(self.model, str) else list(self.model)
