"""False alarms and delay of detectors, side by side: `python -m benchmarks.detection`."""
