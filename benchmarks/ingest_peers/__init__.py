"""Other servers that do the same job, each in the way in which its users would write it."""
