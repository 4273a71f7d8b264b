"""`GET /reports/{name}`: every report of QuickBooks, made of the company's own ledger."""
