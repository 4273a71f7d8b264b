"""Intuit's webhooks: what changes in the simulated companies is told to whoever asked for it."""
