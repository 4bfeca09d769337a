"""The house: what is the secret of a webhook? From its environment, or from a Prefect block, asked for once a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from midwatch.arrival_spec import Secret
from midwatch.errors import HouseError

KEPT_SECONDS: Final = 60.0
"""So long a block's secret is used before it is asked for again: a changed one holds within a minute."""
AGAIN_SECONDS: Final = 5.0
"""Until it is asked for again where there was none, or Prefect could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What Prefect said of a block, or did not say."""

    until: float
    text: str = field(default="", repr=False)
    fault: str = ""


@dataclass(slots=True, kw_only=True)
class Secrets:
    environ: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    load: Callable[[str], Awaitable[str]] = field(default_factory=lambda: _loaded)
    """The text of a block. Raises HouseError where there is none, httpx.HTTPError where Prefect cannot be asked."""
    _kept: dict[str, _Asked] = field(default_factory=dict, repr=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def secret_of(self, secret: Secret) -> str:
        """Its text.

        Raises:
            HouseError: there is none; says where it has to be.
        """
        if secret.block:
            return await self._of_block(secret.block)
        if not (text := self.environ.get(secret.env, "").strip()):
            raise HouseError(f"its secret is not there: set {secret.env} where `midwatch up` runs")
        return text

    async def _of_block(self, name: str) -> str:
        """One question at a time: whoever sends, signed or not, makes no more of them."""
        if (standing := self._fresh(name)) is None:
            async with self._asking:
                standing = self._fresh(name) or await self._asked(name)
        if not standing.text:
            raise HouseError(f"its secret is not there: {standing.fault}")
        return standing.text

    def _fresh(self, name: str) -> _Asked | None:
        standing = self._kept.get(name)
        return standing if standing is not None and self.clock() < standing.until else None

    async def _asked(self, name: str) -> _Asked:
        """While Prefect is away the last answer holds."""
        last = self._kept.get(name)
        try:
            found = _Asked(text=await self.load(name), until=self.clock() + KEPT_SECONDS)
        except HouseError as error:
            found = _Asked(fault=str(error), until=self.clock() + AGAIN_SECONDS)
        except (httpx.HTTPError, OSError) as error:
            fault = f"Prefect cannot be asked for the Secret block {name!r} ({error!r})"
            found = _Asked(text=last.text if last else "", fault=fault, until=self.clock() + AGAIN_SECONDS)
        self._kept[name] = found
        return found


async def _loaded(name: str) -> str:
    from prefect.blocks.system import Secret as Block

    try:
        block: Any = await Block.aload(name)
        text = block.get()
    except (httpx.HTTPError, OSError):
        raise
    except Exception as error:
        raise HouseError(f"Prefect has no readable Secret block {name!r} ({error})") from error
    if not isinstance(text, str) or not text.strip():
        raise HouseError(f"the Secret block {name!r} holds no text")
    return text.strip()
