"""Self-contained HTML pages: elements, charts, the shell around them. Floor 4: the standard library only.

Refuses nothing; every text that is not `Markup` is escaped. No script is ever written into a page.
"""
