"""WSGI applications (PEP 3333) in a slice host: called in threads, streamed through the event loop."""
