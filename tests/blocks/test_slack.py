from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr, ValidationError

from blocks import Slack

GOOD: dict[str, Any] = {
    "bot_token": SecretStr("hush"),
    "app_token": SecretStr("hush"),
    "channel": "C0WATCH",
    "deciders": ["U1ANNA"],
}


@pytest.mark.parametrize(
    "wrong",
    [{"deciders": []}, {"deciders": ["anna"]}, {"deciders": ["*"]}, {"channel": "#ops"}, {"channel": ""}],
)
def test_a_list_without_deciders_and_names_instead_of_ids_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Slack(**{**GOOD, **wrong})


def test_secrets_are_not_shown() -> None:
    block = Slack(**GOOD)
    assert "hush" not in repr(block)
    assert "hush" not in block.model_dump_json()


async def test_its_client_repeats_nothing_by_itself() -> None:
    async with aiohttp.ClientSession() as session:
        client = Slack(**GOOD).get_client(session)
    assert (client.base_url, client.token, client.retry_handlers) == ("https://slack.com/api/", "hush", [])
