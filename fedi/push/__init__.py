"""Web Push: how a notification is sealed for one browser or phone (RFC 8291, and the draft before it), how this server says
who it is (RFC 8292), and the keys of both. When it is sent is `fedi.worker.pushing`; the request itself `federation.client`.
"""
