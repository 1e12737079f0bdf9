"""The relay delays what goes through it, and neither loses nor throttles it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.relay import carry

DELAY = 0.025


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing that is due, so that nothing waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        look = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            self.now += timeout or 0.0
            return look(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


class Writer:
    """What was written, and when."""

    def __init__(self) -> None:
        self.written: list[tuple[float, bytes]] = []

    def write(self, chunk: bytes) -> None:
        self.written.append((asyncio.get_running_loop().time(), chunk))

    async def drain(self) -> None:
        """Nothing to wait for."""

    def write_eof(self) -> None:
        self.write(b"")


def carried(chunks: list[bytes], pause: float) -> tuple[list[float], list[tuple[float, bytes]]]:
    """When each chunk went in, and what came out when; the last one is the end."""

    async def run() -> tuple[list[float], list[tuple[float, bytes]]]:
        reader, writer = asyncio.StreamReader(), Writer()
        loop = asyncio.get_running_loop()
        copying = asyncio.create_task(carry(reader, writer, DELAY))  # type: ignore[arg-type]
        sent = []
        for chunk in chunks:
            sent.append(loop.time())
            reader.feed_data(chunk)
            await asyncio.sleep(pause)
        sent.append(loop.time())
        reader.feed_eof()
        await copying
        return sent, writer.written

    loop = VirtualTime()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def test_every_chunk_and_the_end_come_late_by_the_delay_however_many_are_under_way() -> None:
    chunks = [bytes([number]) for number in range(20)]
    sent, written = carried(chunks, pause=0.001)
    assert [chunk for _, chunk in written] == [*chunks, b""]
    assert sent[-1] < written[0][0], "the first came out before the last went in"
    for went_in, (came_out, _) in zip(sent, written, strict=True):
        assert came_out - went_in == pytest.approx(DELAY, abs=1e-6)


def test_what_comes_out_is_what_went_in_byte_by_byte() -> None:
    chunks = [bytes([number]) * 70000 for number in range(5)]
    _, written = carried(chunks, pause=0.0)
    assert b"".join(chunk for _, chunk in written) == b"".join(chunks)
