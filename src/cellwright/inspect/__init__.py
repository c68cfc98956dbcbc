"""Looking inside: every gate and state by its name, the gradient through time, memory, units. Floor 5.

What comes back is tensors or Polars frames; `draw` makes a picture of a frame.
"""

from cellwright.inspect.attribution import sensitivity
from cellwright.inspect.draw import draw
from cellwright.inspect.flow import gradient_flow
from cellwright.inspect.health import saturation
from cellwright.inspect.jacobian import jacobians
from cellwright.inspect.neurons import neurons, probe
from cellwright.inspect.properties import signal_properties, text_properties
from cellwright.inspect.record import record
from cellwright.inspect.span import memory_span, reach
from cellwright.inspect.spectrum import eigenvalues, spectra

__all__ = [
    "draw",
    "eigenvalues",
    "gradient_flow",
    "jacobians",
    "memory_span",
    "neurons",
    "probe",
    "reach",
    "record",
    "saturation",
    "sensitivity",
    "signal_properties",
    "spectra",
    "text_properties",
]
