"""The classify task: a text or a series in, one of several labels out. Floor 6."""
