"""When a request may go: permits, budgets, retries, fair turns. Knows neither QuickBooks nor SQL nor HTTP."""
