"""Halt to last effect: the world that many runs beat upon, and the processes that they run in."""
