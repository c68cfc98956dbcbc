"""The tag task: a tag for every token of a sentence, and one for the sentence where it has one. Floor 6."""
