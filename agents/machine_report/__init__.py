"""Machine report: an agent that looks over its own machine, writes a report, and asks before it deletes."""
