"""How well a model did, by the time of its predictions: metrics, maturity of labels, estimates without labels."""
