"""Permissions: may it do exactly this, now? The gate before every tool, and the person whom it asks."""
