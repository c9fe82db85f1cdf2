"""The modern contract: request -> decision; what today's clients send, what they need to hear.

Reading order: settings, service, payload, records, manner, outcome, replies.
"""
