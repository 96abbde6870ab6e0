"""Door: we speak to peers. What we are and said as documents (`documents`, `collections`, `discovery`), and deliveries."""
