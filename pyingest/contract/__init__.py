"""The modern contract: everything that today's clients send, and what they need to hear."""
