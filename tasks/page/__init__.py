"""The approval page: requests as a phone's browser shows them, and what a form that was sent means."""
