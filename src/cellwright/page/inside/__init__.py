"""The page that shows the inside of a network on one input. Floor 4: the standard library only.

The one page with a script: small files beside this one, named in the page's own policy by their hash.
"""

from cellwright.page.inside.page import page

__all__ = ["page"]
