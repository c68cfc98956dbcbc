"""What cells, layers and networks cost: parameters, multiply-adds, bytes; beside other cells. Floor 5."""

from cellwright.description.beside import beside
from cellwright.description.parts import Description, Matrix, Memory, Part, describe

__all__ = ["Description", "Matrix", "Memory", "Part", "beside", "describe"]
