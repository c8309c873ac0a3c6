"""Ray Serve: the same server over replicas; one that is killed during load loses no accepted request."""

from __future__ import annotations

import threading
import time
from functools import partial

import httpx
import pytest
from made_pictures import noise_picture
from serving import client, eventually, served
from test_client import file

from smartedit.commands.options import pipeline
from smartedit.serve.limits import Limits

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster(weights_folder):
    from smartedit.serve import scale

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield scale.start(partial(pipeline, weights_folder / "base"), Limits(batch=4, queue=32), least=2, most=2)
    ray.serve.shutdown()
    ray.shutdown()


def replicas() -> list:
    """Handles of the replicas' actors."""
    named = [actor for actor in ray.util.list_named_actors(all_namespaces=True) if "#editor#" in actor["name"]]
    return [ray.get_actor(actor["name"], actor["namespace"]) for actor in named]


def test_no_accepted_request_is_lost_when_a_replica_is_killed(cluster):
    picture, answers, wrong = noise_picture(64, 64), {}, []

    def ask(address: str, number: int) -> None:
        try:
            made = client(address).images.edit(
                image=file(picture), prompt="remove it", extra_body={"seed": number % 4, "num_inference_steps": 8},
            )  # fmt: skip
            answers[number] = made.data[0]
        except Exception as error:
            wrong.append(error)

    with served(cluster) as address:
        threads = [threading.Thread(target=ask, args=(address, number)) for number in range(16)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(answers) >= 2, 120)
        ray.kill(replicas()[0])
        for thread in threads:
            thread.join(240)
        assert not wrong and sorted(answers) == list(range(16))
        assert all(answers[number].seed == number % 4 for number in answers)
        assert eventually(lambda: len(replicas()) == 2, 120), "a new replica takes the place of the dead one"
        assert httpx.get(f"{address}/readyz").status_code == 200


def test_streams_and_errors_come_through(cluster):
    with served(cluster) as address:
        ask = {"image": file(noise_picture(64, 64)), "extra_body": {"num_inference_steps": 4}}
        events = list(client(address).images.edit(prompt="remove it", stream=True, partial_images=2, **ask))
        assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
        with pytest.raises(Exception, match="no known word") as caught:
            client(address).images.edit(prompt="qwzx plugh", **ask)
        assert caught.value.status_code == 400
        started = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{address}/v1/images/edits", files={"image": file(noise_picture(64, 64))},
                       data={"prompt": "remove it", "num_inference_steps": "100"}, timeout=2)  # fmt: skip
        assert eventually(lambda: not cluster._following, 30) and time.monotonic() - started < 32, "who leaves is let go"
