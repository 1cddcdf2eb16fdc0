"""The notebooks → stamped with one address, built as a student edition, held to their rules: a teacher's tools.

A lesson's notebook in `notebooks/` is the source: complete, executed, with its pictures. `stamps` writes its badge and
its first cell, `edition` makes the one without answers, and `rules` lists what a notebook does wrong.
"""
