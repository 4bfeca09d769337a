"""Inbox triage: an agent that files each message of a folder under a label and drafts an answer where one is due."""
