"""The official openai client, unmodified: it edits, streams and gets errors."""

from __future__ import annotations

import base64
import io
import threading

import numpy as np
import openai
import pytest
from made_pictures import noise_picture
from PIL import Image, ImageOps
from serving import KEY, client, eventually, served


def file(picture: Image.Image, name: str = "picture.png", kind: str = "PNG") -> tuple[str, bytes]:
    made = io.BytesIO()
    picture.save(made, kind)
    return name, made.getvalue()


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and np.array_equal(np.asarray(a), np.asarray(b))


PICTURE = noise_picture(60, 40)
NEGATIVE = ImageOps.invert(PICTURE)


def test_an_edit(address):
    made = client(address).images.edit(image=file(PICTURE), prompt="remove the red apple", model="tiny", extra_body={"seed": 5})
    first = made.data[0]
    assert same(opened(first.b64_json), NEGATIVE) and first.revised_prompt == "Done."
    assert (first.seed, first.region, first.notes) == (5, [0, 0, 60, 40], [])
    assert made.size == "60x40" and made.output_format == "png" and made.created > 0
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.total_tokens) == (7, 32, 39)
    assert made._request_id.startswith("req_")


def test_settings_reach_the_editor(address, quick):
    extras = {"seed": 9, "num_inference_steps": 3, "guidance_scale": 2.5, "image_guidance_scale": 1.25}
    client(address).images.edit(image=file(PICTURE), prompt="make it blue", n=2, quality="high", user="me", extra_body=extras)
    asked = quick.tickets[0].asked
    assert (asked.prompt, asked.seeds, asked.steps) == ("make it blue", [9, 10], 3)
    assert (asked.guidance_scale, asked.image_guidance_scale, asked.mask, asked.partials) == (2.5, 1.25, None, 0)


def test_several_pictures_and_candidates(address):
    other = noise_picture(30, 30, seed=1)
    made = client(address).images.edit(image=[file(PICTURE), file(other)], prompt="remove it", n=2, extra_body={"seed": 1})
    wanted = [NEGATIVE] * 2 + [ImageOps.invert(other)] * 2
    assert all(same(opened(one.b64_json), want) for one, want in zip(made.data, wanted, strict=True))
    assert [one.seed for one in made.data] == [1, 2, 3, 4]


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_formats(address, name, kind):
    made = client(address).images.edit(image=file(PICTURE), prompt="remove it", output_format=name, output_compression=90)
    picture = opened(made.data[0].b64_json)
    assert picture.format == kind and picture.size == PICTURE.size and made.output_format == name


def test_as_url(address):
    made = client(address).images.edit(image=file(PICTURE), prompt="remove it", response_format="url")
    head, text = made.data[0].url.split(",")
    assert head == "data:image/png;base64" and same(opened(text), NEGATIVE) and made.data[0].b64_json is None


def test_size_scales_picture_and_mask(address, quick):
    mask = Image.new("RGBA", PICTURE.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 30, 40))
    made = client(address).images.edit(image=file(PICTURE), mask=file(mask), prompt="remove it", size="120x80")
    assert made.size == "120x80" and opened(made.data[0].b64_json).size == (120, 80)
    bound = np.asarray(quick.tickets[0].asked.mask)
    assert bound.shape == (80, 120) and (bound[:, :60] == 255).all() and not bound[:, 60:].any(), "transparent may be edited"


def test_streaming_with_partial_images(address, quick):
    quick.go.clear()
    stream = client(address).images.edit(image=file(PICTURE), prompt="remove it", stream=True, partial_images=2, extra_body={"seed": 3})
    events = []
    for event in stream:
        events.append(event)
        quick.go.set()  # the first partial picture comes before the end
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1] and same(opened(events[0].b64_json), PICTURE)
    end = events[-1]
    assert same(opened(end.b64_json), NEGATIVE) and end.usage.total_tokens == 39 and end.size == "60x40" and end.seed == 3


def test_a_stream_says_what_went_wrong(address, quick):
    quick.fail = RuntimeError("secret /path/to/weights")
    with pytest.raises(openai.APIError, match="its log says what") as caught:
        list(client(address).images.edit(image=file(PICTURE), prompt="remove it", stream=True))
    assert "secret" not in str(caught.value.body) and caught.value.code == "internal_error"


@pytest.mark.parametrize(("changed", "kind", "param"), [
    ({"prompt": ""}, openai.BadRequestError, "prompt"),
    ({"prompt": "zyzzyva"}, openai.BadRequestError, "prompt"),
    ({"prompt": "x" * 1001}, openai.BadRequestError, "prompt"),
    ({"n": 11}, openai.BadRequestError, "n"),
    ({"n": 0}, openai.BadRequestError, "n"),
    ({"size": "100x100"}, openai.BadRequestError, "size"),
    ({"size": "60000x40000"}, openai.BadRequestError, "size"),
    ({"size": "big"}, openai.BadRequestError, "size"),
    ({"output_format": "gif"}, openai.BadRequestError, "output_format"),
    ({"extra_body": {"seed": -1}}, openai.BadRequestError, "seed"),
    ({"extra_body": {"guidance_scale": "nan"}}, openai.BadRequestError, "guidance_scale"),
    ({"extra_body": {"num_inference_steps": 10**9}}, openai.BadRequestError, "num_inference_steps"),
    ({"model": "dall-e-2"}, openai.NotFoundError, "model"),
    ({"image": ("a.png", b"")}, openai.BadRequestError, "image"),
    ({"image": ("a.png", b"not a picture")}, openai.BadRequestError, "image"),
    ({"image": file(PICTURE)[1][:200]}, openai.BadRequestError, "image"),
    ({"mask": file(Image.new("RGBA", (3, 3)))}, openai.BadRequestError, "mask"),
    ({"mask": file(PICTURE)}, openai.BadRequestError, "mask"),
    ({"image": [file(PICTURE)] * 17}, openai.BadRequestError, "image"),
], ids=lambda value: str(value)[:40])  # fmt: skip
def test_errors_are_the_clients_own(address, changed, kind, param):
    with pytest.raises(kind) as caught:
        client(address).images.edit(**{"image": file(PICTURE), "prompt": "remove it", **changed})
    assert caught.value.body["param"] == param and caught.value.body["message"] and caught.value.type == "invalid_request_error"
    assert "Traceback" not in str(caught.value.body)


def test_what_breaks_inside_is_told_without_detail(address, quick, capfd):
    quick.fail = RuntimeError("secret")
    with pytest.raises(openai.InternalServerError) as caught:
        client(address).images.edit(image=file(PICTURE), prompt="remove it")
    assert caught.value.code == "internal_error" and "secret" not in str(caught.value.body)


def test_a_full_queue_is_429_with_retry_after(address, quick):
    quick.full = True
    with pytest.raises(openai.RateLimitError) as caught:
        client(address).images.edit(image=file(PICTURE), prompt="remove it")
    assert caught.value.response.headers["retry-after"] == "7" and caught.value.code == "queue_full"


def test_keys(quick):
    with served(quick, KEY) as address:
        assert client(address, KEY).models.list().data[0].id == "tiny"
        for wrong in ("sk-wrong", KEY + "x", KEY[:-1]):
            with pytest.raises(openai.AuthenticationError) as caught:
                client(address, wrong).images.edit(image=file(PICTURE), prompt="remove it")
            assert caught.value.code == "invalid_api_key"
        assert not quick.tickets


def test_models(address):
    assert [model.id for model in client(address).models.list()] == ["tiny"]
    assert client(address).models.retrieve("tiny").owned_by == "smartedit"
    with pytest.raises(openai.NotFoundError):
        client(address).models.retrieve("gpt-image-2")


def test_an_idempotency_key_is_done_once(address, quick):
    ask = {"image": file(PICTURE), "prompt": "remove it", "extra_headers": {"Idempotency-Key": "k1"}}
    quick.go.clear()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client(address).images.edit(**ask))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(quick.tickets) == 1)
    quick.go.set()
    for thread in threads:
        thread.join()
    answers.append(client(address).images.edit(**ask))
    assert len(quick.tickets) == 1 and len({answer.data[0].seed for answer in answers}) == 1 and len(answers) == 4
    with pytest.raises(openai.BadRequestError) as caught:
        client(address).images.edit(**{**ask, "prompt": "make it blue"})
    assert caught.value.code == "idempotency_key_reused"
    client(address).images.edit(**{**ask, "extra_headers": {"Idempotency-Key": "k2"}})
    assert len(quick.tickets) == 2


def test_a_failed_attempt_may_be_repeated_under_its_key(address, quick):
    ask = {"image": file(PICTURE), "prompt": "remove it", "extra_headers": {"Idempotency-Key": "k1"}}
    quick.fail = RuntimeError("a moment of weakness")
    with pytest.raises(openai.InternalServerError):
        client(address).images.edit(**ask)
    quick.fail = None
    assert same(opened(client(address).images.edit(**ask).data[0].b64_json), NEGATIVE)


def test_the_clients_own_retries_overcome_a_full_queue(address, quick, monkeypatch):
    quick.full = True
    monkeypatch.setattr("smartedit.serve.tickets.Busy.__init__", lambda self, wait: setattr(self, "wait", 1))
    threading.Timer(0.5, lambda: setattr(quick, "full", False)).start()
    made = client(address, max_retries=3).images.edit(image=file(PICTURE), prompt="remove it")
    assert same(opened(made.data[0].b64_json), NEGATIVE)
