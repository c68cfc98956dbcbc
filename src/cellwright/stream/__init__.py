"""Live streams: one step at a time, the state kept between calls. Floor 5."""

from cellwright.stream.snapshot import FORMAT
from cellwright.stream.stream import Stream
from cellwright.stream.way import Streamed, Way

__all__ = ["FORMAT", "Stream", "Streamed", "Way"]
