"""The ladder's test against counting to N: how often is each wrong within a year of looking every time?"""
