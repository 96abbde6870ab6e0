"""What other software makes of a document, written from its rules: nothing here knows our code."""
