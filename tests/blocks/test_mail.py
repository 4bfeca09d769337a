"""Mail: a real SMTP conversation with a server on 127.0.0.1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prefect.blocks.abstract import NotificationError
from pydantic import SecretStr, ValidationError

from blocks import Mail
from tests.tasks.notices.loopback import MailServer, listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports every service that it knows, one of them a library that does."""


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    server = MailServer()
    async with listening(server):
        yield server


def mail(server: MailServer, **facts: Any) -> Mail:
    options = {"security": "insecure", "sender": "watch@example.org", "recipients": ["anna@example.org"], **facts}
    return Mail(server="127.0.0.1", port=server.port, **options)


async def test_it_arrives_as_plain_text_letter_for_letter(server: MailServer) -> None:
    both = ["anna@example.org", "ben@example.org"]
    text = "a < b & c\nhttps://example.org/?x=1&y=%20\n.\nlast"
    await mail(server, recipients=both).anotify(text, "night needs a decision (urgent)")
    assert sorted(server.recipients) == both
    (one, _) = server.mails
    assert (one["Subject"], one["From"].addresses[0].addr_spec) == (
        "night needs a decision (urgent)",
        "watch@example.org",
    )
    assert one.get_content_type() == "text/plain"
    assert one.get_content().replace("\r\n", "\n").strip() == text


async def test_a_server_that_refuses_is_an_error(server: MailServer) -> None:
    server.refuses = True
    block = mail(server)
    with block.raise_on_failure(), pytest.raises(NotificationError):
        await block.anotify("text", "subject")
    assert server.mails == []


def test_a_password_is_not_shown(free_port: int) -> None:
    block = mail(MailServer(port=free_port), user="watch", password=SecretStr("hush"))
    assert "hush" not in repr(block) + block.model_dump_json()


@pytest.mark.parametrize("address", ["anna", "anna@example.org, eve@example.org", "A <a@example.org>", "a@b\nBcc: e@f"])
def test_an_address_is_one_address(address: str, free_port: int) -> None:
    with pytest.raises(ValidationError):
        mail(MailServer(port=free_port), recipients=[address])
