"""Looking inside: every gate and state by the name it has in the equations. Floor 5."""

from cellwright.inspect.record import record

__all__ = ["record"]
