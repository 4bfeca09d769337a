"""Attention: what happens in a night in which somebody may be woken, and who answers in the morning."""
