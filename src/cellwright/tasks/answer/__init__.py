"""The answer task: a story of facts and a question in, one of the known answers out. Floor 6."""
