"""Door: proving who you are. By password so far; the sessions are in `fedi.sessions`."""
