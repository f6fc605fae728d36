"""What a person touches: commands, views, the HTTP server."""
