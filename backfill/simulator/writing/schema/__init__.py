"""What every object may hold: tables of properties after Intuit's published schema (com.intuit.schema.finance.v3)."""
