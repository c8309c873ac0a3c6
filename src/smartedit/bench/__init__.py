"""How good an editor is. This room knows only "picture, words -> picture"; it never imports a model.

    cases.py   the cases of a suite, rendered when they are needed
    kept.py    rendered cases on disk, shared by several editors
    judge.py   the rule: when has an edit succeeded?
    run.py     an editor on every case, one JSON line each, resumable
    rows.py    results on disk
    report.py  rates with intervals, editors side by side, contact sheets with the worst first
    tables.py  the report as Markdown
"""
