"""Mutants of allowed calls, and who knows better than the policy what they mean: bash, real programs, the kernel, parsers."""
