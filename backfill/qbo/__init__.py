"""What Intuit's API is: entities, statements, calls, answers, faults, tokens, HTTP. No pacing, no SQL, no logs."""
