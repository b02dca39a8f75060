"""A model that changes under driftd, is asked for anew, and is watched: `python -m benchmarks.closed_loop`."""
