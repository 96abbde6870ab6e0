"""What happens later: received activities, deliveries, jobs, timed work. `loop` runs it, in the server or by itself."""
