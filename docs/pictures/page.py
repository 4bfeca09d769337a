"""Make the pictures of docs/page.md: `python -m docs.pictures.page`. Needs Chromium and its chromedriver, no house, no model.

Page, ledger and browser are the real ones; the requests are made up.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path
from urllib.parse import quote

from selenium.webdriver import Chrome

from tests.cli.page_house import Standing, context, served
from tests.flows.browser import MISSING, chromium
from tests.tasks.slack.waiting import asks

HERE = Path(__file__).parent
DIFF = "@@ -1,4 +1,4 @@\n [server]\n-workers = 2\n+workers = 64\n listen = 127.0.0.1:8080\n-timeout = 30\n+timeout = 0"
WRITE = {"path": {"type": "string", "description": "where, under the root"}, "content": {"type": "string"}}
PAY = {"amount": {"type": "number", "minimum": 0}, "currency": {"enum": ["EUR", "USD"]}}


async def main() -> None:
    if MISSING:
        raise SystemExit(f"no pictures: {MISSING}")
    with tempfile.TemporaryDirectory(prefix="midwatch-") as folder:
        async with served(Path(folder)) as page:
            pictures = await requests(page)
            await asyncio.to_thread(take, Path(folder), page.url, pictures)


async def requests(page: Standing) -> dict[str, tuple[str, bool]]:
    """Addresses by the name of their picture, and whether it is dark."""
    change = {"label": "What it would change", "text": DIFF, "form": "diff", "instead_of": ["content"]}
    facts = {"purpose": "Keeps the night's services running.", "then": "end", "preview": change}
    read = {
        "read": ["http_request GET https://status.example/feed"],
        "read_in_all": 1,
        "parameters": {"properties": WRITE},
    }
    write = await asks(
        page.ledger,
        arguments={"path": "etc/app.conf", "content": "x"},
        reason="it changes the server's configuration",
        words="The service is slow; more workers should help.",
        context_json=context(**facts, **read),
        minutes=130,
    )
    pay = await asks(
        page.ledger,
        "main:2",
        tool="refund",
        arguments={"amount": 120.5, "currency": "EUR", "urgent": True, "memo": "Order 4711,\nreturned"},
        context_json=context(parameters={"properties": PAY}),
    )
    edit = f"{page.link(pay, person='anna')}?edit={quote(pay.ask_id)}"
    one = page.link(write)
    return {"page-request": (one, False), "page-request-dark": (one, True), "page-edit": (edit, False)}


def take(folder: Path, url: str, pictures: dict[str, tuple[str, bool]]) -> None:
    with chromium(folder / "profile") as driver:
        for name, (path, dark) in pictures.items():
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            phone(driver)
            driver.get(url + path)
            height = driver.execute_script("return document.documentElement.scrollHeight")
            (HERE / f"{name}.png").write_bytes(shoot(driver, width=390, height=height))


def phone(driver: Chrome) -> None:
    """As wide as one."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1.25, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def shoot(driver: Chrome, *, width: float, height: float) -> bytes:
    """So much of the page, from its beginning."""
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    facts = {"captureBeyondViewport": True, "clip": clip}
    return base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", facts)["data"])


if __name__ == "__main__":
    asyncio.run(main())
