"""Model: the default model's own process: llama.cpp's HTTP server on loopback until nobody needs it.

`python -m tasks.model.llama STATE_FILE WEIGHTS` loads the weights, writes address and key where only the owner can read
them, and waits. A crash in native code ends this process and nothing else.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Final

import psutil

from midwatch.whole_file import write_whole

CONTEXT_TOKENS: Final = 8192
HTTP_THREADS: Final = 32
"""Every waiting request holds one; llama.cpp's own default is 3 here, and then nobody can ask whether it is well."""
IDLE_SECONDS: Final = 30 * 60
PROMPT_CACHE_MIB: Final = 1024
"""Memory for the prompts of earlier conversations (28 MiB for 1,000 tokens); llama.cpp's own default is 8 GiB."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(weights: Path, api_key: str) -> tuple[object, str]:
    """The running server, which lives as long as the object, and its address."""
    import xllamacpp  # type: ignore[import-untyped]  # it ships no stubs

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [api_key]
    params.cors_origins = ""
    params.ui = False
    params.use_jinja = True
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.n_threads_http = HTTP_THREADS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.sampling.temp = 0.0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores()
    params.verbosity = 1
    server = xllamacpp.Server(params)
    return server, server.listening_address


def write_state(file: Path, base_url: str, api_key: str) -> None:
    """Tell the installation where the server is; readable by its owner only, complete or not there."""
    state = {
        "base_url": base_url,
        "api_key": api_key,
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    write_whole(file, json.dumps(state))


def is_mine(file: Path) -> bool:
    """Whether `file` still speaks of this process: it is removed to stop the server, and rewritten by a newer one."""
    try:
        return bool(json.loads(file.read_text())["pid"] == os.getpid())
    except (FileNotFoundError, ValueError, KeyError):
        return False


def still_wanted(file: Path, *, now: float, idle_seconds: float = IDLE_SECONDS) -> bool:
    """Whether this process is the installation's server and was used (its file touched) lately."""
    return is_mine(file) and now - file.stat().st_mtime < idle_seconds


def main(file: Path, weights: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    api_key = secrets.token_urlsafe(24)
    server, base_url = start(weights, api_key)
    write_state(file, base_url, api_key)
    try:
        while still_wanted(file, now=time.time()):
            time.sleep(2)
    finally:
        if is_mine(file):
            file.unlink(missing_ok=True)
        del server


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
