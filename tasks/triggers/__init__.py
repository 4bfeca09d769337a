"""Trigger: what starts a run when nobody does, and how is it started only once?"""
