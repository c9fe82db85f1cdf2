"""Decoding as the legacy service does it: base64, query string, JSON, float text."""
