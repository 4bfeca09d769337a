import pytest

from tasks.tools.definition import definition_hash

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_the_order_of_keys_does_not_matter() -> None:
    assert definition_hash("t", "d", SCHEMA) == definition_hash("t", "d", dict(reversed(SCHEMA.items())))


@pytest.mark.parametrize(
    ("name", "description", "schema"),
    [("T", "d", SCHEMA), ("t", "D", SCHEMA), ("t", None, SCHEMA), ("t", "d", {**SCHEMA, "required": ["a"]})],
)
def test_every_word_that_the_model_is_told_matters(
    name: str, description: str | None, schema: dict[str, object]
) -> None:
    assert definition_hash(name, description, schema) != definition_hash("t", "d", SCHEMA)
