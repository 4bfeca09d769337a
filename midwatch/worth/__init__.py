"""Is autonomy worth it? What an agent saves and costs, how it fails, and what that speaks for: keep, lower, script, retire.

`verdict.verdict_of` judges; what it judges by comes from a person (`answers`), the agent's file (`profile`) and the ledger
(`history`).
"""
