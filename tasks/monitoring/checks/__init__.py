"""Monitoring: one module for each kind of check. Each looks at the world once and says what it saw as a `Finding`."""
