"""Human judgment: how is mail sent to a person? By an SMTP server that an operator names, through Prefect's own machinery."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect.blocks.notifications import AbstractAppriseNotificationBlock
from pydantic import Field, SecretStr, StringConstraints

Address = Annotated[str, StringConstraints(pattern=r"^[^\s<>,;@]+@[^\s<>,;@]+$")]


class Mail(AbstractAppriseNotificationBlock):
    """Mail by SMTP, sent by Apprise as Prefect's own notification blocks are. A person block names it as `midwatch-mail/NAME`.

    Prefect has a block for one mail service only; this one takes any server.
    """

    _block_type_name = "Midwatch mail"
    _block_type_slug = "midwatch-mail"
    _description = "Plain-text mail over an SMTP server of your own."

    server: str = Field(min_length=1, description="Host of the SMTP server.", examples=["smtp.example.com"])
    port: int | None = Field(default=None, ge=1, le=65535, description="Empty: 587 for starttls, 465 for ssl, 25 else.")
    security: Literal["starttls", "ssl", "insecure"] = Field(
        default="starttls", description="insecure: no TLS, for a server on this machine."
    )
    user: str = Field(default="", description="Empty: without logging in.")
    password: SecretStr | None = Field(default=None, description="Of that user.")
    sender: Address = Field(description="Address that it comes from.")
    recipients: list[Address] = Field(min_length=1, description="Addresses that it goes to.")

    def block_initialization(self) -> None:
        """Make the client, as the blocks of Prefect do; the mail server is not reached yet."""
        from apprise import Apprise, AppriseAsset
        from apprise.plugins.email import NotifyEmail

        options: dict[str, Any] = (
            {"user": self.user, "password": self.password.get_secret_value()} if self.password else {}
        )
        plugin = NotifyEmail(  # type: ignore[no-untyped-call]  # of Apprise
            host=self.server,
            smtp_host=self.server,
            port=self.port,
            secure_mode=self.security,
            from_addr=self.sender,
            targets=self.recipients,
            format="text",
            **options,
        )
        self._apprise_client = Apprise(asset=AppriseAsset(app_id="Midwatch", app_desc="Midwatch", app_url=""))
        self._apprise_client.add(plugin)
