"""Equations in, a plan out. Floor 1: pure Python, never imports torch.

Reading order: dims, graph, ops, symbol, words, trace, verify, show, count, plan, interpret, save.
"""
