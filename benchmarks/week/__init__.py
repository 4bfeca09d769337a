"""A week alone: do the shipped agents do what they say while everything around them fails now and then?"""
