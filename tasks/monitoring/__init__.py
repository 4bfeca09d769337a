"""Monitoring: how does it know that it is done, stuck, too dear, or wrong? Code that the agent cannot write to."""
