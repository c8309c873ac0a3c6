"""Folders of pictures: which edits are asked for (`jobs`), doing them (`run`), on many machines (`spread`), what came of it (`report`).

    INPUT, instruction | table -> jobs -> the ones not done yet -> outcomes -> report

A finished picture notes inside its file which edit made it. That note is the whole memory of a run: the same command
again finds what is done and goes on, on one machine or many.
"""
