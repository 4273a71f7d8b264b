"""One ledger under a simulated company: what every transaction posts, and what follows from it elsewhere."""
