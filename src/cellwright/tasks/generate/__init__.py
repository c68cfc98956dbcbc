"""The generate task: a language model of any text, and what it writes. Floor 6."""
