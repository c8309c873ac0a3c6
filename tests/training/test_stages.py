"""The recipe: every stage takes real steps on rendered pairs, from its predecessors' weights."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from smartedit.conversation import CONTEXT_LENGTH
from smartedit.errors import TrainingError
from smartedit.models.smartedit import Condition
from smartedit.training import lessons, objectives, stages
from smartedit.training.command import train
from smartedit.training.gaze import Gaze
from smartedit.training.lessons import Exchange
from smartedit.training.stages import STAGES, history, load_so_far, prepare, run_stage, stage_named
from smartedit.training.workshop import Workshop, normalise_view


def test_every_stage_runs_and_hands_its_weights_on(mini_run):
    for stage in (replace(stage, batch=8) for stage in STAGES):
        share = 2 * stage.batch / stage.samples
        reports = list(run_stage(mini_run.shop, stage, mini_run.data, mini_run.out, share=share))
        assert reports[-1].step == 2
        assert all(math.isfinite(value) for value in reports[-1].losses.values()), reports[-1].losses
        written = {path.stem for path in (mini_run.out / stage.name / "weights").glob("*.safetensors")}
        assert written == set(stage.rates)
    assert [told["samples_seen"] for told in history(mini_run.out)] == [16] * len(STAGES)
    load_so_far(mini_run.shop, mini_run.out)
    assert mini_run.shop.parts["qformer"].null_context.abs().sum() > 0


def test_an_untrained_editor_leaves_everything_undone(mini_run):
    """Its gates are almost closed, by sigmoid(-3) open, its mask half, it shows nothing new and its object head does nothing."""
    shop = mini_run.shop
    for name, part in Workshop.fresh("tiny").parts.items():
        if name in ("unet", "object_head"):
            shop.parts[name].load_state_dict(part.state_dict())
    pairs = shop.train.edits([0, 1])
    with torch.no_grad():
        painted = shop.model(False).denoise(pairs.target, pairs.source, torch.tensor([999, 999]), Condition(shop.text_context(["", ""])))
    torch.testing.assert_close(painted, pairs.source * (1 - 0.5 * torch.tensor(-3.0).sigmoid()))


def test_a_new_bim_changes_nothing(mini_run):
    from smartedit.models.presets import build

    mini_run.shop.parts["bim"].load_state_dict(build("tiny", 50, ("bim",))["bim"].state_dict())
    for part in mini_run.shop.parts.values():
        part.eval()
    asked = lessons.edit(mini_run.shop, np.random.default_rng(0), 2)
    with torch.no_grad():
        without = objectives.joint(mini_run.shop, asked, torch.Generator().manual_seed(1))
        with_bim = objectives.edit(mini_run.shop, asked, torch.Generator().manual_seed(1))
    assert torch.allclose(without["undone"], with_bim["undone"], atol=1e-6)


def test_edit_tokens_are_read_after_the_models_own_replies(mini_run):
    """What it replies stands where an exchange leaves that to it, and nothing is learned from these words."""
    shop = mini_run.shop
    for part in shop.parts.values():
        part.eval()
    rows = [[Exchange("remove the red mug", None, learned=False), Exchange("remove it", "red mug at 1 2 3 4 : remove .", learned=True)]]
    view = shop.train.edits([0]).view
    with torch.no_grad():
        own = objectives.understand(shop, view, rows)[0].edit_states
        ids, mask = shop.prompts(["remove the red mug"])
        alone = shop.model(True).understand(ids, mask, view=normalise_view(view), max_tokens=CONTEXT_LENGTH)
    torch.testing.assert_close(own[:1], alone.edit_states, atol=1e-4, rtol=1e-3)
    reply = shop.tokenizer.decode(alone.reply[0], skip_special_tokens=True)
    turns = lessons.turns_of(shop, rows, [reply])
    learned = shop.tokenizer.decode(turns.labels[turns.labels >= 0], skip_special_tokens=True)
    assert learned.startswith("red mug at 1 2 3 4 : remove .") and not set(turns.branch[turns.labels >= 0].tolist()) - {2}


def test_a_reading_hears_all_kinds_of_replies(mini_run):
    exchanges = [one for seed in range(30) for row in lessons.align(mini_run.shop, np.random.default_rng(seed), 12).exchanges for one in row]
    own, learned = (np.mean([getattr(one, key) in wanted for one in exchanges]) for key, wanted in (("heard", [None]), ("learned", [True])))
    assert own == pytest.approx(lessons.OWN, abs=0.1) and learned == pytest.approx(1 - lessons.OWN - lessons.SMUDGED, abs=0.1)


def test_a_reply_looks_at_its_thing_before_it_says_where_that_is(mini_run, monkeypatch):
    """At the word "at" of every reply with one box, and of no other, to the patches of its own picture."""
    watched, scores = [], Gaze.scores
    monkeypatch.setattr(Gaze, "scores", lambda gaze, *at: watched.append(at) or scores(gaze, *at))
    talk = lessons.language(mini_run.shop, np.random.default_rng(0), 32)
    losses = objectives.language(mini_run.shop, talk, torch.Generator())
    ids = mini_run.shop.mllm.splice(talk.turns.ids, torch.zeros(4, 100, 256), talk.turns.mask.long()).ids
    ((rows, words, seen),) = watched
    assert len(words) > 5 and 0 < losses["looks"] < 2 * objectives.LOOKING
    assert set(ids[:, seen].flatten().tolist()) == {-1} and seen.stop - seen.start == 100
    for row, word in zip(rows.tolist(), words.tolist(), strict=True):
        said = mini_run.shop.tokenizer.decode(ids[row, word : word + 6])
        assert re.match(r"at \d+ \d+ \d+ \d+ \D", said), said


def test_stages_train_what_the_method_says():
    trained = {stage.name: set(stage.rates) for stage in STAGES}
    assert "bim" in trained["edit"] and "bim" not in trained["joint"]
    assert all("vision_tower" not in trained[name] for name in ("base", "align", "joint", "point", "edit"))
    assert all(("unet" in stage.rates) == (stage.told is not None) for stage in STAGES)
    assert all("object_head" in stage.rates for stage in STAGES if stage.told), "who paints also answers for whole things"
    names = ["autoencoder", "clip", "language", "sprite", "base", "point", "align", "joint", "edit"]
    assert [stage.name for stage in STAGES] == names and set(trained["sprite"]) == {"object_head"}


def test_a_sprite_learns_to_be_seen(mini_run):
    """A few dozen steps on the same few things: a new sprite is invisible, one that has learned is nearer to the truth than nothing."""
    torch.manual_seed(0)
    head = Workshop.fresh("tiny").parts["object_head"]
    mini_run.shop.parts["object_head"].requires_grad_(True).load_state_dict(head.state_dict())
    given = lessons.sprite(mini_run.shop, np.random.default_rng(0), 12)
    generator = torch.Generator()
    before = objectives.sprite(mini_run.shop, given, generator)
    assert before["undone"] > 0.8 and before["undecided"] > 0.8
    learner = torch.optim.Adam(mini_run.shop.parts["object_head"].parameters(), lr=3e-3)
    for _ in range(60):
        losses = objectives.sprite(mini_run.shop, given, generator)
        learner.zero_grad()
        sum(loss for name, loss in losses.items() if not name.startswith("~")).backward()
        learner.step()
    assert losses["undone"] < 0.7 and losses["off"] < 0.8 * before["off"] and losses["foot"] < 0.8 * before["foot"]
    assert losses["wide"] < 0.8 * before["wide"]


def test_a_run_stopped_before_its_first_save_fits_its_hearing_again(mini_run, tmp_path, monkeypatch):
    fitted = []
    monkeypatch.setattr(stages, "fit_hearing", lambda *_: fitted.append(True))
    monkeypatch.setattr(stages, "examine", lambda *_: None)

    def begin() -> int:
        stage = stage_named("base")
        list(run_stage(mini_run.shop, stage, mini_run.data, tmp_path, share=16 / stage.samples, minutes=0))
        return len(fitted)

    assert begin() == 1
    assert begin() == 1, "what is resumed has been fitted"
    (tmp_path / "base" / "state.pt").unlink()
    assert begin() == 2


def test_a_run_may_begin_from_a_model_and_freeze_parts(mini_run, weights_folder, tmp_path):
    from smartedit import bundles

    with pytest.raises(TrainingError, match="other words"):
        prepare(Workshop.fresh("tiny"), mini_run.data, tmp_path / "a", say=lambda _: None, start=weights_folder / "tiny")
    saved = bundles.WEIGHTS / "tiny"
    shop = Workshop.fresh("tiny", seed=5)
    prepare(shop, mini_run.data, tmp_path / "b", say=lambda _: None, start=saved)
    again = Workshop.fresh("tiny", seed=6)
    prepare(again, mini_run.data, tmp_path / "b", say=lambda _: None)
    for name in ("unet", "language_model", "text_encoder"):
        assert all(torch.equal(a, b) for a, b in zip(shop.parts[name].parameters(), again.parts[name].parameters(), strict=True))
    stage = replace(stage_named("align"), batch=6)
    list(run_stage(again, stage, mini_run.data, tmp_path / "b", share=stage.batch / stage.samples, frozen=("language_model",)))
    assert {path.stem for path in (tmp_path / "b" / "align" / "weights").iterdir()} == {"qformer", "bim"}


def test_another_vocabulary_is_refused(mini_run):
    (mini_run.out / "vocabulary.json").write_text('["other", "words"]')
    with pytest.raises(TrainingError, match="words have changed"):
        prepare(mini_run.shop, mini_run.data, mini_run.out, say=lambda _: None)


def test_bad_requests_are_one_line(tmp_path):
    with pytest.raises(TrainingError, match="no stage 'polish'"):
        stage_named("polish")
    with pytest.raises(TrainingError, match="no shards"):
        train("tiny", tmp_path, tmp_path / "out", say=lambda _: None)
    with pytest.raises(TrainingError, match="only tiny"):
        train("7b", tmp_path, tmp_path / "out", say=lambda _: None)
    with pytest.raises(TrainingError, match="--share"):
        train("tiny", tmp_path, tmp_path / "out", share=0, say=lambda _: None)
    with pytest.raises(TrainingError, match="no part 'brush'"):
        train("tiny", tmp_path, tmp_path / "out", frozen=["brush"], say=lambda _: None)
