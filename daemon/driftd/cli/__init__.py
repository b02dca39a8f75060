"""Commands: one file per group; the only place that wires shells together."""
