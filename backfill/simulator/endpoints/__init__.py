"""What the API has beside queries and objects: files, printed forms, e-mail, rates, tax classes, entitlements."""
