"""Writing to a simulated company: what a request may say, what the service makes of it, and what it refuses."""
