"""Worth: what stands in every written script? Its beginning, and what its lines may call; text, never run here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BEGIN: Final = '''\
import argparse
import datetime
import os
import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path


def inside(root, path):
    """A path in the tool's folder, and nowhere else."""
    folder = Path(root).resolve()
    found = (folder / path).resolve()
    if not found.is_relative_to(folder) or found == folder:
        raise SystemExit(f"{path!r} is not in {root!r}")
    return found


def plain(value):
    """A word that is the same in any quotes of a command."""
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.@%+:,/-]*", value):
        raise SystemExit(f"{value!r} is no plain word, and would be read as a part of the command")
    return value

'''

HELPERS: Final[Mapping[str, str]] = {
    "write": """
def write(root, path, content):
    found = inside(root, path)
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_bytes(content.encode("utf-8"))

""",
    "delete": """
def delete(root, path):
    inside(root, path).unlink()

""",
    "shell": '''
def shell(root, command, timeout):
    """Without the sandbox that held the agent back."""
    Path(root).mkdir(parents=True, exist_ok=True)
    argv = ["bash", "--noprofile", "--norc", "-c", command]
    subprocess.run(argv, cwd=root, timeout=timeout, stdin=subprocess.DEVNULL, check=True)

''',
    "http": '''
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def http(method, url, headers, body, credentials):
    """Secrets come from the environment, as in the agent's file."""
    own = credentials.get(urllib.parse.urlsplit(url).hostname, {})
    secret = {name: re.sub(r"\\$\\{(\\w+)\\}", lambda found: os.environ[found[1]], text) for name, text in own.items()}
    data = body.encode("utf-8") if body else None
    request = urllib.request.Request(url, data=data, headers={**headers, **secret}, method=method)
    with urllib.request.build_opener(Stay).open(request, timeout=60) as answer:
        print(answer.status, url)

''',
}
