"""What the HTTP API says and takes. Rule: pure; sockets, Kafka and the time of day are shells' business."""
