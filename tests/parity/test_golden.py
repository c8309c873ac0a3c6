"""Every golden case of a folder against our modules: what the published code computed, we compute.

    python -m pytest tests/parity --golden FOLDER
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from check_editing import check_pipeline, check_schedule, check_training
from check_metrics import check_metrics
from check_parts import check_bim, check_qformer, check_unet
from check_reading import check_dataset, check_llm_loop, check_tokenization
from golden import GOLDEN, load

#: What a case's file name starts with -> how it is checked.
KINDS = {
    "bim": check_bim,
    "dataset": check_dataset,
    "llm_loop": check_llm_loop,
    "metrics": check_metrics,
    "pipeline": check_pipeline,
    "qformer": check_qformer,
    "schedule": check_schedule,
    "tokenization": check_tokenization,
    "training": check_training,
    "unet": check_unet,
}


def check(path: Path) -> None:
    """One case, all of it: a kind nobody knows fails, and so does a result that nothing was compared with."""
    kind = next((kind for kind in KINDS if path.stem == kind or path.stem.startswith(f"{kind}_")), None)
    assert kind, f"nothing knows how to check {path}; its name has to start with one of {', '.join(KINDS)}"
    case = load(path)
    with torch.no_grad():
        KINDS[kind](case)
    assert not case.results() - case.compared, "results that nothing was compared with"


def test_case(case_file):
    check(case_file)


def test_an_unknown_kind_is_a_failure(tmp_path):
    (tmp_path / "dream_caseA.json").write_text("{}")
    with pytest.raises(AssertionError, match="nothing knows how to check"):
        check(tmp_path / "dream_caseA.json")


def test_every_kind_has_a_case_in_the_repository():
    names = [path.stem for path in GOLDEN.glob("*.json")]
    assert all(any(name.startswith(f"{kind}_") for name in names) for kind in KINDS)


@pytest.mark.parametrize("stem", ["qformer_caseA", "unet_caseA"])
def test_a_wrong_result_is_noticed(stem):
    case = load(GOLDEN / f"{stem}.json")
    name = sorted(name for name in case.results() if "sample" in name or "masked" in name)[0]
    case.tensors[name] = case.tensors[name] + 1e-2
    with torch.no_grad(), pytest.raises(AssertionError, match=name.replace(".", r"\.")):
        KINDS[stem.split("_")[0]](case)
