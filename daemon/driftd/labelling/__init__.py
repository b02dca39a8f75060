"""What the stream of a model's labels tells about how the labels are made. Findings of it go back to `labels`."""
