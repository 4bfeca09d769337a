"""Agent file: what may stand in it, for editors? `python -m midwatch.agent_schema > agents/agent.schema.json`."""

from __future__ import annotations

import json
from typing import Any, get_args

from midwatch.spec import AgentSpec, Builtin


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `agents/NAME.yaml`, with the short forms of `tools` that the reader takes."""
    schema = AgentSpec.model_json_schema()
    long_form = schema["$defs"].pop("Tool")
    options = {key: long_form["properties"][key] for key in ("root", "bind", "idempotent", "untrusted", "private")}
    short_form = {"type": ["object", "null"], "additionalProperties": False, "properties": options}
    names = list(get_args(Builtin))
    schema["$defs"]["LongTool"] = long_form
    schema["$defs"]["Tool"] = {
        "description": long_form["description"],
        "anyOf": [
            {"enum": names},
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": dict.fromkeys(names, short_form),
            },
            {"$ref": "#/$defs/LongTool"},
        ],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Midwatch agent"}


def json_schema_text() -> str:
    """What stands in `agents/agent.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema_text(), end="")
