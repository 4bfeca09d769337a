"""URLs: every parser finds the allowed host, scheme and path in an allowed one. Node's is the WHATWG's own algorithm."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

import httpx

from benchmarks.fuzzed.mutants import is_allowed, mutants
from midwatch.policy import Policy, compile_policy
from midwatch.spec import Rules

SEEDS: Final = (
    *("https://api.example.com/v1/items?x=1", "https://api.example.com/v1/", "https://api.example.com:443/v1/a/../b"),
    *(
        "https://a.corp.example/",
        "https://a.b.corp.example/x",
        "https://user@api.example.com/v1/",
        "HTTPS://API.example.com/v1/a",
    ),
)
PIECES: Final = (
    *(
        "@",
        ":",
        "/",
        "//",
        "\\",
        "?",
        "#",
        ".",
        "..",
        "../",
        "/..",
        "%2e%2e/",
        "%2E",
        "%2f",
        "%5c",
        "%00",
        "%40",
        "evil.test",
    ),
    *(
        "evil.test/",
        "@evil.test",
        "evil.test@",
        ".evil.test",
        "evil.test#",
        "evil.test\\@",
        ":80",
        ":443",
        ":0443",
        ":",
        "[",
        "]",
    ),
    *(
        "[::1]",
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "\t",
        "\n",
        "\r",
        " ",
        "\x00",
        "\u3002",
        "\uff0e",
        "\u2044",
        "\u200b",
        "\u00ad",
    ),
    *(
        "ß",
        "ı",
        "K",
        "http://",
        "https:",
        "///",
        ";",
        "&",
        "=",
        ",",
        "'",
        '"',
        "<",
        "`",
        "{",
        "|",
        "^",
        "~",
        "*",
        "!",
        "$",
        "%",
    ),
    *(
        "xn--",
        "-",
        "_",
        "v1",
        "/v1/",
        "v2",
        "%76",
        "%2%65",
        "..;/",
        ";x/",
        "+",
        "corp.example",
        "api",
        "A",
        "example.com.",
    ),
)
URLS: Final = mutants(SEEDS, PIECES, most=3)

_NODE: Final = """
require('readline').createInterface({input: process.stdin}).on('line', line => {
  try { const u = new URL(JSON.parse(line)); console.log(JSON.stringify([u.protocol, u.hostname, u.port, u.pathname])) }
  catch { console.log('null') }
})
"""


@contextmanager
def url_oracle() -> Iterator[Callable[[str], str | None]]:
    """For a URL: None when it is not allowed, else who reads it otherwise; "" for nobody."""
    rules = Rules(allow=[{"http_request": ["GET https://api.example.com/v1/**", "GET https://*.corp.example/**"]}])
    with _node() as whatwg, tempfile.TemporaryDirectory(prefix="fuzzed-") as folder:
        policy = compile_policy(rules, tools={"http_request": "egress"}, roots={}, project=Path(folder))
        yield lambda url: _judged(policy, whatwg, url)


@contextmanager
def _node() -> Iterator[Callable[[str], list[str] | None]]:
    """The WHATWG's parser as Node has it; where there is no Node, nothing is asked of it."""
    node = shutil.which("node")
    if node is None:
        yield lambda _url: None
        return
    with subprocess.Popen([node, "-e", _NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        questions, answers = process.stdin, process.stdout
        if questions is None or answers is None:
            raise RuntimeError("Node was started without its pipes")
        yield lambda url: _ask(url, questions, answers)
        questions.close()


def _ask(url: str, questions: IO[str], answers: IO[str]) -> list[str] | None:
    questions.write(json.dumps(url) + "\n")
    questions.flush()
    found: list[str] | None = json.loads(answers.readline())
    return found


def _judged(policy: Policy, whatwg: Callable[[str], list[str] | None], url: str) -> str | None:
    if not is_allowed(policy, "http_request", {"method": "GET", "url": url}):
        return None
    split, other, third = urlsplit(url), httpx.URL(url), whatwg(url)
    readings = [
        ("urllib", split.scheme, split.hostname or "", split.port, None),
        ("httpx", other.scheme, other.host, other.port, httpx.URL("https://h/").join(url).path),
    ]
    if third is not None:
        readings.append(("WHATWG", third[0].rstrip(":"), third[1], int(third[2] or 443), third[3]))
    wrong = (
        f"{parser} reads {scheme}://{host}:{port}{path or ''}"
        for parser, scheme, host, port, path in readings
        if scheme != "https" or port not in (None, 443) or not _is_granted(host, path)
    )
    return next(wrong, "")


def _is_granted(host: str, path: str | None) -> bool:
    if host != "api.example.com":
        return host.endswith(".corp.example")
    return path is None or path == "/v1" or path.startswith("/v1/")
