"""The notebook server, running."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SERVER = Path(__file__).with_name("notebook_server.py")


@asynccontextmanager
async def notebook_url(**says: str) -> AsyncIterator[str]:
    """Where it serves; `says` are its variables, such as `READ_SAYS`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, SERVER, stdin=PIPE, stdout=PIPE, env={**os.environ, **says}
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/mcp"
    finally:
        process.stdin.close()
        await process.wait()
