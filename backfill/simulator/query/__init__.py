"""The query language: text to tokens to a statement, a statement to a plan, a plan to rows."""
