"""Writing into realms, each row exactly once.

Rows wait in the ledger. What is ready is sealed (who, under which ids, with which bytes: stored before it is sent),
sent, and settled by each row's own outcome. What was sent and not answered stays sealed until it was looked for.
"""
