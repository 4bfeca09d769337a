"""Permissions: which Slack, as an operator configures it: the app's two tokens, where it asks, and who may decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, StringConstraints

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from slack_sdk.web.async_client import AsyncWebClient

UserId = Annotated[str, StringConstraints(pattern="^[UW][A-Z0-9]+$")]


class Slack(Block):
    """The Slack app through which people are asked and decide. `MIDWATCH_SLACK=NAME` uses the block of that name."""

    _block_type_name = "Midwatch Slack"
    _block_type_slug = "midwatch-slack"
    _description = "A Slack app in Socket Mode: requests are posted into one channel, and listed people decide there."

    bot_token: SecretStr = Field(description="Bot User OAuth Token (OAuth & Permissions), which begins with xoxb-.")
    app_token: SecretStr = Field(description="App-Level Token with connections:write, which begins with xapp-.")
    channel: str = Field(
        pattern="^[CGD][A-Z0-9]+$", description="Id of the channel that is asked in (its details, at the bottom)."
    )
    deciders: list[UserId] = Field(
        min_length=1, description="Ids of the users who may decide (profile, Copy member ID). Nobody else can."
    )
    api_url: str = Field(default="https://slack.com/api/", description="Address of the Web API; GovSlack has another.")

    def get_client(self, session: ClientSession) -> AsyncWebClient:
        """A client of Slack's Web API over `session`. It repeats nothing by itself: a post repeated is a second post."""
        from slack_sdk.web.async_client import AsyncWebClient  # half a second to import

        token = self.bot_token.get_secret_value()
        return AsyncWebClient(token=token, base_url=self.api_url, session=session, retry_handlers=[])
