"""How good an editor is. This room knows only "picture, words -> picture"; it never imports a model.

What is asked:
    cases.py        a case, a suite
    suites.py       suites by name: rendered.py (the world, mini-reason-edit), reason_edit.py, magicbrush.py, folder.py
    kept.py         cases on disk beside the results, shared by several editors
Who is asked:
    editors.py      any callable, published pipelines, servers, folders of pictures; oracles.py knows the truth
    run.py          an editor on every case, one JSON line each, resumable; workers.py and cluster.py share the work
How it is judged:
    judge.py        the exact rule: when has an edit succeeded?
    measure.py      every other metric: preservation.py (PSNR, SSIM by two protocols), networks.py (LPIPS, CLIP, DINO)
    rating.py       people; mllm.py: a model that looks
What is told:
    report.py       rates and means with intervals (statistics.py), editors side by side; tables.py, page.py
    trust.py        which metric to trust; field.py: other people's numbers
    rows.py         results on disk
"""
