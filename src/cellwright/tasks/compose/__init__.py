"""The compose task: which notes sound next, and music out of it. Floor 6."""
