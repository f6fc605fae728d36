"""Generated programs: circuit, plain interpreter and protocol agree."""
