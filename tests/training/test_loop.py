"""The loop: exact resuming, averaging, alarms."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from smartedit.errors import TrainingError
from smartedit.training.loop import Lessons, Plan, Run

PLAN = Plan("toy", samples=400, batch=2, rates={"net": 0.05})


def _parts():
    torch.manual_seed(0)
    return {"net": nn.Linear(3, 1), "frozen": nn.Tanh()}


def _objective(parts):
    def step(x, generator):
        noise = 0.01 * torch.randn(8, 1, generator=generator)
        return {"fit": (parts["frozen"](parts["net"](x)) - x[:, :1].tanh() - noise).square().mean(), "~seen": x.mean()}

    return step


def _lesson(rng):
    return torch.from_numpy(rng.normal(size=(8, 3))).float()


def _train(folder, plan=PLAN, stops=()):
    parts = _parts()
    run = Run(plan, parts, folder)
    for stop in (*stops, plan.steps):
        while run.step < stop:
            run._one(_objective(parts), Lessons(_lesson, plan.seed)[run.step])
        if stop < plan.steps:
            run.save()
            parts = _parts()
            run = Run(plan, parts, folder)
    return run, parts


def test_a_resumed_run_equals_an_unbroken_one(tmp_path):
    whole, parts = _train(tmp_path / "whole")
    broken, again = _train(tmp_path / "broken", stops=(13, 40))
    assert torch.equal(parts["net"].weight, again["net"].weight)
    assert torch.equal(whole.average["net"]["weight"], broken.average["net"]["weight"])


def test_only_the_planned_parts_learn_and_the_loss_falls(tmp_path):
    parts = _parts()
    parts["frozen"] = nn.PReLU(init=0.5)
    reports = list(Run(PLAN, parts, tmp_path).train(_lesson, _objective(parts), every=20))
    assert parts["frozen"].weight.item() == 0.5
    assert reports[-1].losses["fit"] < 0.5 * reports[0].losses["fit"]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in logged] == list(range(20, 201, 20)) and "seen" in logged[0]


def test_time_limit_stops_and_saves(tmp_path):
    parts = _parts()
    list(Run(PLAN, parts, tmp_path).train(_lesson, _objective(parts), seconds=0))
    assert (tmp_path / "state.pt").exists()


def test_a_longer_plan_prolongs_and_another_is_refused(tmp_path):
    _train(tmp_path)[0].save()
    longer = Plan("toy", samples=440, batch=2, rates={"net": 0.05})
    assert Run(longer, _parts(), tmp_path).step == 200
    with pytest.raises(TrainingError, match="another plan"):
        Run(Plan("toy", samples=400, batch=4, rates={"net": 0.05}), _parts(), tmp_path)


def test_nan_raises_the_alarm(tmp_path):
    parts = _parts()
    run = Run(PLAN, parts, tmp_path)
    with pytest.raises(TrainingError, match="loss became nan"):
        run._one(lambda *_: {"fit": parts["net"].weight.sum() * float("nan")}, None)


def test_a_constant_context_raises_the_alarm(tmp_path):
    parts = _parts()

    def collapsed(*given):
        return {**_objective(parts)(*given), "~spread": torch.tensor(1e-5)}

    with pytest.raises(TrainingError, match="tells samples apart"):
        list(Run(PLAN, parts, tmp_path).train(_lesson, collapsed, every=20))


def test_lessons_depend_on_seed_and_step_alone():
    one, same, other = Lessons(_lesson, 3)[5], Lessons(_lesson, 3)[5], Lessons(_lesson, 3)[6]
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_who_draws_the_lessons_does_not_matter(tmp_path):
    alone, helped = _parts(), _parts()
    plan = Plan("toy", samples=40, batch=2, rates={"net": 0.05})
    list(Run(plan, alone, tmp_path / "alone").train(_lesson, _objective(alone)))
    list(Run(plan, helped, tmp_path / "helped").train(_lesson, _objective(helped), workers=2))
    assert torch.equal(alone["net"].weight, helped["net"].weight)
