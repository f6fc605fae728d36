"""The HTTP server of a party: Flask routes on cheroot."""
