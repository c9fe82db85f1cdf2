"""A report as a string: text, JSON, one HTML page, and what CI systems read."""
