"""The contract: every event that goes in or comes out, and the schemas generated from it."""
