"""Noticing: a house of which something fails, and what is heard of it outside."""
