"""Permissions: the rules that decide, outside the model, what a call may do."""

from midwatch.policy.addresses import address_is_public
from midwatch.policy.engine import Policy, compile_policy
from midwatch.policy.plain import plain_argv
from midwatch.policy.reading import PolicyContext, ServerFacts

__all__ = ["Policy", "PolicyContext", "ServerFacts", "address_is_public", "compile_policy", "plain_argv"]
