"""Door: peers speak to us. `door.py` proves and keeps, `process.py` decides and handles, one file per activity type."""
