"""Make the pictures of Prefect's UI from a running house: the last part of `make pictures`. Needs Chromium, no model.

The house, the agent, its tools, the gate, the contract and the pages are the real ones, in a temporary folder. Three things
are staged: the night of which the digest tells is made up, the model's words are scripted, and `machine-report` goes by the
date that a file bears, because the day on which a file arrived, by which it really goes as well, cannot be put back.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from selenium.webdriver import Chrome

from agents.machine_report.figures import floors, worst_of
from agents.machine_report.measure import measure, usual_places
from cli import keys, occupancy
from cli.home import House
from cli.up import bring_up
from midwatch.agent_file import load_agent
from midwatch.run import RunFacts
from tests.flows.browser import MISSING, PATIENCE, NewUi, chromium, size
from tests.flows.scripted_model import Script, Turn, call, scripted_model
from tests.tasks.digest.night import DAWN, busy, empty_night

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
AGENT = "machine-report"
OLD = {"nightly-build.tar": 412_000_000, "thumbnails.cache": 37_400_000}
"""Files in the temporary folder, with their sizes; sparse, so they take no room."""
DAYS = 23
NAVIGATION, SCROLLBAR = 256, 16
"""Pixels of Prefect's menu on the left and of the bar on the right, which the second picture leaves out."""


def main() -> None:
    if MISSING:
        raise SystemExit(f"no pictures: {MISSING}")
    with tempfile.TemporaryDirectory(prefix="midwatch-") as folder, stage(Path(folder)) as house:
        asyncio.run(suspended())
        with chromium(Path(folder) / "profile") as driver:
            take(driver, house)
            asyncio.run(told_of_a_night(house))
            take_digest(driver, house)


@contextmanager
def stage(folder: Path) -> Iterator[House]:
    """A house in `folder`, up, with the shipped agents, old files and a scripted model."""
    project, temporary = folder / "midwatch", folder / "tmp"
    shutil.copytree(REPOSITORY / "agents", project / "agents")
    shutil.copy(REPOSITORY / "prefect.yaml", project)
    (project / "flows").symlink_to(REPOSITORY / "flows")
    temporary.mkdir()
    for name, length in OLD.items():
        put(temporary / name, length)
    edit(project / f"agents/{AGENT}.yaml", "model: auto", "model: openai-chat:scripted")
    edit(
        project / "agents/machine_report/temporary.py",
        "(about.st_mtime, about.st_atime, about.st_ctime)",
        "(about.st_mtime, 0)",
    )
    tempfile.tempdir = str(temporary)
    script = Script(turns={"scripted": turns(project)})
    with scripted_model(script) as url:
        os.environ |= {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "not-a-key",
            "PYTHONPATH": f"{project}{os.pathsep}{REPOSITORY}",
            "TMPDIR": str(temporary),
            "MIDWATCH_PROJECT": str(project),
            "MIDWATCH_HOME": str(project / ".midwatch"),
        }
        ready = bring_up(print, leashed=True)
        yield ready.house
        occupancy.stop(ready.house, print)


def put(path: Path, length: int) -> None:
    with path.open("wb") as file:
        file.truncate(length)
    then = time.time() - DAYS * 86_400
    os.utime(path, (then, then))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise SystemExit(f"{path.name} no longer says {old!r}: change docs/pictures/make.py with it")
    path.write_text(text.replace(old, new))


def turns(project: Path) -> Sequence[Turn]:
    """What a good model would say here: it copies the severities from the survey, which nobody has taken yet."""
    facts = RunFacts(run_id="before", agent=AGENT, started_at=datetime.now(UTC), project=project, home=project)
    least = floors(measure(usual_places(facts), now=datetime.now(UTC)))
    spoken = len(load_agent(AGENT, project / "agents").examples)
    report = call("write_report", **least, worst=worst_of(least)[0])
    return [*[""] * spoken, call("survey"), report, call("delete_old_files"), "done"]


async def suspended() -> None:
    """Start a run, and wait until it waits for a person."""
    from prefect.client.orchestration import get_client
    from prefect.deployments.flow_runs import arun_deployment

    started = await arun_deployment(f"agent-run/{AGENT}", parameters={"agent": AGENT}, timeout=0, as_subflow=False)
    deadline = time.monotonic() + PATIENCE
    async with get_client() as client:
        while time.monotonic() < deadline:
            run = await client.read_flow_run(started.id)
            if run.state and run.state.is_paused():
                return
            if run.state and run.state.is_final():
                raise SystemExit(f"the run asked nothing and ended: {run.state.message}")
            await asyncio.sleep(1)
    raise SystemExit("the run did not come to its question in time")


async def told_of_a_night(house: House) -> None:
    """Enter a made-up night that ends now, and have the house tell of it."""
    from prefect.deployments.flow_runs import arun_deployment

    async with empty_night(house.home, later=datetime.now(UTC) - DAWN) as night:
        await busy(night, words="")
    told = await arun_deployment("digest/digest", timeout=PATIENCE, as_subflow=False)
    if not (told.state and told.state.is_completed()):
        raise SystemExit(f"the digest was not made: {told.state and told.state.message}")


def take(driver: Chrome, house: House) -> None:
    """Walk through the pages as a person does, and keep two of them."""
    ui = NewUi(driver)
    driver.get(house.url)
    ui.log_in(keys.read(house.auth))
    size(driver, width=1100, height=1300)
    form = ui.open_form(AGENT)
    ui.choose("approve")
    keep(driver, "resume-form", width=1100, height=form.rect["y"] + form.rect["height"] + 40)
    ui.submit()
    ui.see("//*[.='verified']")
    ui.click("//*[@role='tab'][.='Artifacts']")
    ui.click("//a[contains(@href, '/artifacts/key/')]")
    ui.click("//a[contains(@href, '/artifacts/artifact/')]")
    size(driver, width=1440, height=2600)  # narrower, and the page lets tables run under its margin
    end = ui.see("//h2[.='What it said at the end']")
    keep(driver, "run-report", left=NAVIGATION, width=1440 - NAVIGATION - SCROLLBAR, height=end.rect["y"] - 20)


def take_digest(driver: Chrome, house: House) -> None:
    """Its artifact, as Prefect shows it to whoever is logged in."""
    ui = NewUi(driver)
    size(driver, width=1160, height=1300)
    driver.get(f"{house.url}/artifacts/key/digest")
    ui.click("//a[contains(@href, '/artifacts/artifact/')]")
    end = ui.see("//h2[.='Learned']")
    keep(driver, "digest-artifact", left=NAVIGATION, width=1160 - NAVIGATION, height=end.rect["y"] + 140)


def keep(driver: Chrome, name: str, *, left: float = 0, width: float, height: float) -> None:
    clip = {"x": left, "y": 0, "width": width, "height": height, "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    (HERE / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    main()
