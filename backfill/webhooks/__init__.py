"""The receiver of Intuit's webhooks: verify, store, answer; the events become ordinary reads."""
