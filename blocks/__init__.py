"""Prefect Blocks: what an operator fills in. `prefect block register -m blocks` finds them here."""

from blocks.mail import Mail
from blocks.mcp_server import McpServer
from blocks.model_provider import ModelProvider
from blocks.person import Person
from blocks.slack import Slack

__all__ = ["Mail", "McpServer", "ModelProvider", "Person", "Slack"]
