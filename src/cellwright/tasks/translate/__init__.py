"""The translate task: a sentence in, a sentence of another language out. Floor 6."""
