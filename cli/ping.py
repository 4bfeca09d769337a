"""The house: how does a service outside hear each minute that all is well, so that the silence of the whole machine is noticed?

In a thread of the keeper's that nothing waits for, neither its rounds nor its end: the address, the server and a ledger
that is far away may each take their time.
"""

from __future__ import annotations

import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from cli.home import locate
from cli.lookout_checks import Look, look
from cli.service import say
from midwatch.rung_five import PING_TAKEN as TAKEN
from tasks.harness.place import Place

EACH_SECONDS: Final = 60.0
PING: Final = "MIDWATCH_PING_URL"
"""An address of a service outside that expects to be asked for each minute; `ADDRESS/fail` says that it is not well."""
ANSWER_SECONDS: Final = 10.0


@contextmanager
def pinging(once: Callable[[], str], each: float = EACH_SECONDS) -> Iterator[None]:
    """`once` now and again while the block lasts, never two at a time; what has changed in its answer is said."""
    over = threading.Event()

    def rounds() -> None:
        fault = ""
        while not over.is_set():
            before, fault = fault, _tried(once)
            if fault != before:
                say(fault or "the ping goes out again")
            over.wait(each)

    threading.Thread(target=rounds, name="ping", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _tried(once: Callable[[], str]) -> str:
    try:
        return once()
    except Exception as error:
        traceback.print_exc()
        return f"there is no ping: {error}"


def ping_of(here: Place, environ: Mapping[str, str]) -> str:
    """Look at the keeper's own house, and tell the address, where there is one. Returns what `ping` does."""
    url = environ.get(PING)
    if not url:
        return ""
    house = locate({**environ, "MIDWATCH_PROJECT": str(here.project), "MIDWATCH_HOME": str(here.home)})
    if not (fault := ping(url, look(house, environ))):
        (house.home / TAKEN).touch()
    return fault


def ping(url: str, seen: Look) -> str:
    """Ask for the address, or for its `/fail` with what is wrong. Returns why that was not possible, without the address."""
    try:
        if not url.startswith(("https://", "http://")):
            raise ValueError("it is no http or https address")
        lines = "\n".join(str(one) for one in seen.faults)
        whole = f"{url.rstrip('/')}/fail" if lines else url
        request = urllib.request.Request(whole, data=lines.encode() or None)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"the ping of {PING} is not taken: HTTP {error.code}"
    except (OSError, ValueError) as error:
        return f"the ping of {PING} does not go out: {error}"
