"""The contexts we emit."""
AS2 = "https://www.w3.org/ns/activitystreams"
