"""Model: who thinks, and is it reliable enough for this task? The first of the six layers."""
