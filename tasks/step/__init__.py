"""Under all six layers: how does one operation run once, how is it seen, and which deployments run agents?"""
