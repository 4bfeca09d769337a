"""The house: what is the secret of a webhook? From its environment, or from a Prefect block, asked for once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from midwatch.arrival_spec import Secret
from midwatch.errors import HouseError

KEPT_SECONDS: Final = 60.0
"""So long a block's secret is used before it is asked for again: a changed one holds within a minute."""


@dataclass(slots=True, kw_only=True)
class Secrets:
    environ: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

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
        at, text = self._kept.get(name, (0.0, ""))
        if not text or self.clock() - at >= KEPT_SECONDS:
            text = await _loaded(name)
            self._kept[name] = (self.clock(), text)
        return text


async def _loaded(name: str) -> str:
    from prefect.blocks.system import Secret as Block

    try:
        block: Any = await Block.aload(name)
        text = block.get()
    except Exception as error:
        raise HouseError(f"its secret is not there: Prefect has no readable Secret block {name!r} ({error})") from error
    if not isinstance(text, str) or not text.strip():
        raise HouseError(f"its secret is not there: the Secret block {name!r} holds no text")
    return text.strip()
