"""One concern per module; each reads as a list of facts about the host."""
