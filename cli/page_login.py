"""The approval page: who has logged in, and how does one? One password, that of the house; one cookie, which a form ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.page_address import Address
from cli.page_guard import Attempts, form_of, is_password
from tasks.page import sheet
from tasks.page.sheet import Page
from tasks.page.tokens import SESSION, Link, Signer, holder_of

LARGEST: Final = 4096
"""Bytes of the form."""
_OURS: Final = re.compile(r"/(request|night|digest|halt|run/[\w%-]+)(\?[!-~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who is there, by a link or by a login."""

    by: str
    holder: str
    """Which link or login: a form that was made for another is not taken."""
    path: str
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What every address of the page asks, and the two that change it."""

    signer: Signer = field(repr=False)
    operator: str
    """In whose name somebody decides who gave the house's password."""
    address: Address
    now: Callable[[], datetime]
    attempts: Attempts = field(default_factory=Attempts)

    def routes(self) -> tuple[Route, Route]:
        return Route("/login", self.login, methods=["POST"]), Route("/logout", self.logout, methods=["POST"])

    def visitor(self, http: Http, path: str = "") -> Visitor | None:
        """Whoever gave the password; None for everybody else.

        Args:
            path: where the page's forms are sent; the address that was asked for where there is none.
        """
        cookie = http.cookies.get(self.address.cookie, "")
        if not self.signer.read_session(cookie, self.now()):
            return None
        return Visitor(by=self.operator, holder=holder_of(cookie), path=path or http.url.path)

    def page(self, visitor: Visitor | None = None, **said: Any) -> Page:
        """What is shown to this visitor, or to somebody who has to log in first."""
        login = visitor is not None and visitor.link is None
        logout = self.signer.form(visitor.holder, ()) if visitor and login else ""
        facts = {"path": visitor.path, "by": visitor.by} if visitor else {"path": "/login", "by": ""}
        return Page(**{**facts, "form": "", "login": login, "logout": logout, "now": self.now(), **said})

    def page_of(self, http: Http) -> Page | None:
        """For whoever gave the password; None for everybody else."""
        visitor = self.visitor(http)
        return self.page(visitor) if visitor else None

    def asked_for(self, http: Http) -> Response:
        """The password, which then leads to the address that was opened."""
        query = f"?{http.url.query}" if http.url.query else ""
        return HTMLResponse(sheet.login_page(self.page(onward=_onward(f"{http.url.path}{query}"))))

    async def login(self, http: Http) -> Response:
        """Take the password, and lead to where it was asked for."""
        form, now = await form_of(http, LARGEST), self.now()
        onward = _onward(form.get("next", ""))
        given = form.get("password", "").strip()
        if not self.attempts.may(now):
            minutes = int(self.attempts.within.total_seconds() // 60)
            fault = f"Too many wrong passwords: nobody can log in for up to {minutes} minutes. Links still work."
            return HTMLResponse(sheet.login_page(self.page(onward=onward, faults={"": fault})), 429)
        if not is_password(given, self.signer.password):
            self.attempts.failed.append(now)
            fault = "That is not the password of this house."
            return HTMLResponse(sheet.login_page(self.page(onward=onward, faults={"": fault})), 403)
        answer = RedirectResponse(onward or "/", 303)
        self._set_cookie(answer, self.signer.session(now), int(SESSION.total_seconds()))
        return answer

    async def logout(self, http: Http) -> Response:
        """End the login whose form is sent."""
        visitor = self.visitor(http)
        token = (await form_of(http, LARGEST)).get("form", "")
        answer = RedirectResponse("/", 303)
        if visitor is not None and self.signer.read_form(token, visitor.holder) is not None:
            self._set_cookie(answer, "", 0)
        return answer

    def _set_cookie(self, answer: Response, value: str, seconds: int) -> None:
        answer.set_cookie(
            self.address.cookie,
            value,
            max_age=seconds,
            path="/",
            httponly=True,
            samesite="strict",
            secure=self.address.secure,
        )


def _onward(address: str) -> str:
    """Where a login leads: to the page that wanted it, one of ours that shows something; "" for the inbox."""
    return address if _OURS.fullmatch(address) else ""
