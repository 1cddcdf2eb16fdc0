"""Benchmarks: one evaluation and the loop around it, beside two well-known implementations.

    uv run python -m tests.benchmarks --help

| module | what it knows |
|---|---|
| `problem.py` | what is minimised: pictures, network, weights; the same number for all |
| `peers.py` | who minimises it: the PyTorch tutorial's way, gordicaleksa's way, ours |
| `fast.py` | who paints in one pass, and whose pictures they stand beside |
| `measure.py` | seconds in alternation, ratios, peak memory, GFLOP |
| `probe.py` | one measurement in a process of its own |
| `experiments.py` | the questions, one function each |
| `report.py` | the answers as a table, JSON, Markdown and a plot |
"""
