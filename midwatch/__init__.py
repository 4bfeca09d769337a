"""Midwatch's pure domain: no prefect, no network. The one package that everything may import."""
