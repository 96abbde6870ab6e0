"""Works that people cite: papers, books, pages. What they are called, read from and written as BibTeX, RIS and CSL-JSON.

Pure; no database, no network. Everything here runs in time linear in its input, which is bounded: it is hostile.
"""
