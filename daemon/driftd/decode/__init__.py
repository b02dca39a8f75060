"""Records to columns: one file per wire format."""
