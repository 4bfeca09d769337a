"""Suspended runs: what do a thousand runs that wait for a person cost a house, and does each of them go on once?"""
