"""How driftd measures. `DETECTORS` in `registry.py` is the one list of detectors."""
