"""What driftd decides: pure, deterministic, bounded."""
