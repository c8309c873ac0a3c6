"""Other people's editors: a diffusers pipeline on disk, and an OpenAI-compatible server, both small and local."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from made_pictures import noise_picture
from PIL import Image

from smartedit.bench.editors import DiffusersEditor, built_in
from smartedit.errors import ModelError


@pytest.fixture
def image_server(json_server):
    """A server of `images/edits` that answers with a gray picture of its own size; asks for words with "down" fail."""
    asked, data = [], io.BytesIO()
    Image.new("RGB", (64, 64), (120, 120, 120)).save(data, "PNG")

    def answer(path, body):
        asked.append((path, body))
        return None if b"down" in body else {"created": 0, "data": [{"b64_json": base64.b64encode(data.getvalue()).decode()}]}

    return json_server(answer), asked


def test_a_server_edits_and_its_answer_is_scaled_back(image_server):
    url, asked = image_server
    entrant = built_in(f"openai:painter@{url}")
    result = entrant.open()(noise_picture(40, 30), "remove the cup", 7)
    assert result.size == (40, 30) and entrant.settings == {"model": "painter", "url": url}
    ((path, body),) = asked
    assert path == "/v1/images/edits" and b"remove the cup" in body and b"painter" in body and b"\x89PNG" in body


def test_a_server_that_fails_fails_only_its_case(image_server, ask, few):
    url, _ = image_server
    cases = few(2)
    object.__setattr__(cases.cases[1], "instruction", "calm down")
    rows = ask(cases, f"openai:painter@{url}")
    assert [row["status"] for row in rows] == ["judged", "raised"] and "400" in rows[1]["error"]


def test_a_pipeline_of_instruct_pix2pix_s_class_edits(tmp_path, monkeypatch):
    """The picture goes in as a square without being squashed, with the seed of the case, and comes back at its size."""
    import diffusers

    seen = {}

    class Pipe:
        def set_progress_bar_config(self, **_):
            pass

        def to(self, device):
            return self

        def __call__(self, prompt, image, generator, **call):
            seen.update(prompt=prompt, size=image.size, seed=generator.initial_seed(), **call)
            return type("Output", (), {"images": [image]})

    monkeypatch.setattr(diffusers.DiffusionPipeline, "from_pretrained", lambda repo, **_: Pipe())
    picture = Image.new("RGB", (80, 40), (10, 200, 30))
    result = DiffusersEditor("some/repo", 64, {"guidance_scale": 2.0})()(picture, "make it blue", 11)
    assert seen == {"prompt": "make it blue", "size": (64, 64), "seed": 11, "guidance_scale": 2.0}
    assert result.size == (80, 40) and np.abs(np.asarray(result, int) - np.asarray(picture, int)).max() <= 1


def test_a_pipeline_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ModelError, match="diffusers:FOLDER"):
        built_in(f"diffusers:{tmp_path}").open()
