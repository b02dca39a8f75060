"""Recordings of accidents whose truth is known, and beside each what driftd says of it: `make.py` writes both."""
