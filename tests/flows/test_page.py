"""The approval page of a real house: from a run that waits to its end, by a link and without a password."""

from __future__ import annotations

import json

import httpx

from midwatch.run_ids import short
from tests.cli.page_house import Visitor, text_of
from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.flows.typed import midwatch

WRITER = """
tools:
  - write_file: {root: work}
rules:
  ask: [write_file]
ceiling: 4
contract:
  done_when:
    - file: {path: work/page.txt, contains: [hello], newer_than_start: true}
"""


async def test_a_link_takes_a_suspended_run_to_its_end(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    agent = night.agent("by-page", WRITER, call("write_file", path="page.txt", content="hello"), "written")
    run_id = await night.start(agent)
    (row,) = await night.waiting(run_id)

    code, out, err = await midwatch("link", short(str(run_id)), "--for", "anna", "--json")
    assert code == 0, err
    url = httpx.URL(json.loads(out)["url"])
    async with httpx.AsyncClient(base_url=url.copy_with(path="/"), timeout=60) as client:
        phone = Visitor(client)
        assert "by-page asks: write_file" in (await phone.get(url.path)).text
        sent = await phone.send(url.path, q0_do="approve")
        assert sent.status_code == 303
        assert "approved by anna through page" in text_of((await phone.get(url.path)).text)

    assert (await night.ended(run_id)).outcome == "verified"
    now = await night.ledger.ask(row.ask_id)
    assert (now.by, now.via, now.granted_digest) == ("anna", "page", row.digest)
    _, out, _ = await midwatch("status", "--json")
    assert json.loads(out)["page"] == f"{url.scheme}://{url.netloc.decode()}"
