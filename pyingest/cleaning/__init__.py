"""The cleaning rules of the modern contract: what a record needs, and what is made of it."""
