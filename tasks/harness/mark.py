"""Harness: which agent is it, here and now? What its evidence belongs to: its file, its code, this machine and its pins."""

from __future__ import annotations

from collections.abc import Mapping

from blocks.mcp_server import McpServer
from midwatch.fingerprint import Fingerprint, fingerprint_of
from midwatch.ledger import Ledger
from midwatch.spec import AgentSpec
from tasks.model.providers import thinkers
from tasks.tools.saved import addresses


async def mark_of(
    spec: AgentSpec, ledger: Ledger, environment: Mapping[str, str], servers: Mapping[str, McpServer]
) -> Fingerprint:
    """Cheap: no model is asked, no server started and no code of the agent's run.

    Args:
        servers: the saved blocks that the file names.
    """
    pinned = await ledger.pinned_tools(spec.name)
    return fingerprint_of(spec, await thinkers(spec.models(), environment), addresses(servers), pinned)
