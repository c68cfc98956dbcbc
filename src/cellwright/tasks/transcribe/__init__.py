"""The transcribe task: sound in, what was said out, letter by letter. Floor 6."""
