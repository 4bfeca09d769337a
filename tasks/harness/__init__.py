"""Harness: how does the loop run, resume and end? It composes the other five layers."""
