"""Permissions, through Slack: what a person is shown there, and what a click means."""
