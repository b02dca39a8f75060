"""Everything that touches the world: Kafka, files, HTTP, logs."""
