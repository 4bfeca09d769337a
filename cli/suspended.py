"""The house: how many runs wait for a person, as Prefect counts them? Plain HTTP: its client takes seconds to import."""

from __future__ import annotations

from typing import Final

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from cli import keys
from cli.home import House

CSRF_CLIENT: Final = "midwatch-status"


def suspended(house: House) -> int | None:
    """None where the server could not be asked."""
    try:
        return _counted(house)
    except (httpx.HTTPError, ValueError, KeyError):
        return None


@retry(retry=retry_if_exception_type(httpx.HTTPError), stop=stop_after_attempt(4), wait=wait_fixed(0.5), reraise=True)
def _counted(house: House) -> int:
    """Again where SQLite is at work, which answers 503."""
    user, _, password = keys.read(house.auth).partition(":")
    with httpx.Client(base_url=f"{house.url}/api", auth=(user, password), timeout=10) as client:
        token = client.get("/csrf-token", params={"client": CSRF_CLIENT}).raise_for_status().json()["token"]
        answer = client.post(
            "/flow_runs/count",
            headers={"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": CSRF_CLIENT},
            json={"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}},
        )
        return int(answer.raise_for_status().json())
