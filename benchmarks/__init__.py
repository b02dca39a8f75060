"""Programs that measure driftd. Rule: what is compared runs in one process run, on the same events."""
