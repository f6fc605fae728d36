"""The demonstration: made-up registers, one process a party, the result beside the plain answer."""
