"""What passes between a request and its editor: late listeners hear everything, leaving gives up, the end is the end."""

from __future__ import annotations

import asyncio

import pytest
from PIL import Image

from smartedit.serve.tickets import Asked, Finished, Partial, Ticket, TooLate

PICTURE = Image.new("RGB", (2, 2))
END = Finished([], {"text": 0, "image": 0, "output": 0})


def ticket(kept: bool = False, deadline: float = 60) -> Ticket:
    return Ticket(Asked("remove it", [PICTURE], [0]), deadline, kept)


async def heard(one: Ticket) -> list:
    return [event async for event in one.listen()]


def test_whoever_comes_late_hears_everything():
    one = ticket()
    assert one.tell(Partial(0, PICTURE)) and one.tell(END) and not one.tell(Partial(1, PICTURE)), "after the end there is nothing"
    assert asyncio.run(heard(one)) == asyncio.run(heard(one)) == [Partial(0, PICTURE), END]


def test_listeners_in_several_loops():
    async def both() -> list:
        one = ticket()
        listening = [asyncio.create_task(heard(one)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.to_thread(one.tell, Partial(0, PICTURE))
        await asyncio.to_thread(one.tell, END)
        return await asyncio.gather(*listening)

    assert asyncio.run(both()) == [[Partial(0, PICTURE), END]] * 2


@pytest.mark.parametrize("kept", [False, True])
def test_a_ticket_is_wanted_while_somebody_listens_or_it_is_kept(kept):
    async def come_and_go(one: Ticket) -> None:
        first, second = one.listen(), one.listen()
        one.tell(Partial(0, PICTURE))
        await anext(first)
        await anext(second)
        await first.aclose()
        assert one.wanted
        await second.aclose()

    one = ticket(kept)
    assert one.wanted, "nobody has come yet"
    asyncio.run(come_and_go(one))
    assert one.wanted is kept


def test_what_went_wrong_is_raised_for_everybody():
    one = ticket(deadline=0)
    assert one.late
    one.tell(TooLate(1))
    for _ in range(2):
        with pytest.raises(TooLate):
            asyncio.run(one.finished())


def test_a_loop_that_was_closed_does_not_trouble_the_teller():
    one, loop = ticket(), asyncio.new_event_loop()
    events = one.listen()
    one.tell(Partial(0, PICTURE))
    loop.run_until_complete(anext(events))
    loop.close()
    assert one.tell(END)
