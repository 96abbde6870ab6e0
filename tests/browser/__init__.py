"""A browser on a page of another origin, as web clients are: CORS, CSP, COOP and WebSockets as browsers enforce them."""
