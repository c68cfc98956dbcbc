"""The caption task: a picture or a clip in, a sentence about it out. Floor 6."""
