"""One log format a module: a line of text becomes an entry, or says why it cannot."""
