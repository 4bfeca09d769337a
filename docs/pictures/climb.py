"""Make the picture of the page in docs/ladder.md: `python -m docs.pictures.climb [HOME]`. Needs Chromium.

The ledger is that of a class which climbed, fell and climbed again in real runs. HOME is where it was left by
`python -m benchmarks.climb --keep HOME`; without one it is lived through again, which takes two minutes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from benchmarks.climb.__main__ import RESULTS
from docs.pictures.page import HERE, phone, shoot
from tests.cli.page_house import PASSWORD, served
from tests.cli.test_page_in_a_browser import until
from tests.flows.browser import MISSING, chromium

WHOLE: Final = "return document.querySelector('.class + .class').getBoundingClientRect().top + scrollY"
"""As far as the next class begins, in pixels."""


async def main(home: Path | None) -> None:
    if MISSING:
        raise SystemExit(f"no pictures: {MISSING}")
    with tempfile.TemporaryDirectory(prefix="midwatch-") as temporary:
        folder = Path(temporary)
        async with served(home or lived(folder)) as page:
            page.later = datetime.fromisoformat(json.loads(RESULTS.read_text())["looks"][-1]["at"]) - datetime.now(UTC)
            await asyncio.to_thread(take, folder, page.url)


def lived(folder: Path) -> Path:
    """The story, once more; its figures stay as they were written down."""
    told = [sys.executable, "-m", "benchmarks.climb", "--output", str(folder / "climb.json"), "--keep"]
    subprocess.run([*told, str(folder / "home")], check=True)
    return folder / "home"


def take(folder: Path, url: str) -> None:
    with chromium(folder / "profile") as driver:
        phone(driver)
        driver.get(url)
        driver.find_element("id", "password").send_keys(PASSWORD, Keys.ENTER)
        until(driver, "for you · Midwatch")
        driver.get(f"{url}/ladder")
        (HERE / "ladder-page.png").write_bytes(shoot(driver, width=390, height=whole(driver)))
        print("docs/pictures/ladder-page.png")


def whole(driver: Chrome) -> float:
    """Of the agent and its class, without what follows."""
    return float(driver.execute_script(WHOLE))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
