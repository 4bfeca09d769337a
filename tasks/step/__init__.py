"""Under all six layers: how does one operation run once, and how is it seen?"""
