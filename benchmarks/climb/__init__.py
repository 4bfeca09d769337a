"""A climb: is a class of actions promoted on evidence, taken back at once, and promoted again, in real flows?"""
