"""The authorisation server: apps, consent, tokens, and who the user is."""
