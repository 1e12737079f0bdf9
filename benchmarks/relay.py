"""A TCP relay on loopback that makes the way longer, as a server far away would be.

Every chunk is delivered a fixed time after it came in, in order; chunks are under way side by side,
so it delays and does not throttle. Half-closed connections stay half-closed, with the same delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

CHUNK_BYTES = 65536
# What may be under way in one direction: 256 chunks are far beyond what a deploy sends in 25 ms.
UNDER_WAY = 256


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float
) -> None:
    """Copy one direction until its end, which is delayed as well."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)

    async def deliver() -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(due - loop.time())
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while not delivery.done():
            chunk = await reader.read(CHUNK_BYTES)
            await under_way.put((loop.time() + delay_seconds, chunk))
            if not chunk:
                break
        await delivery
    except OSError:
        pass  # one side is gone: the other direction ends by itself
    finally:
        delivery.cancel()


async def serve(host: str, port: int, delay_seconds: float) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1; each direction is late by `delay_seconds`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(
                carry(reader, back, delay_seconds), carry(there, writer, delay_seconds)
            )
        except asyncio.CancelledError:
            pass  # the relay hangs up; a cancelled handler would be reported as a fault
        finally:
            for one in (writer, back):
                one.close()

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def hang_up() -> None:
    """End every connection that is still open."""
    open_ones = asyncio.all_tasks() - {asyncio.current_task()}
    for task in open_ones:
        task.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)


@contextlib.contextmanager
def opened(host: str, port: int, round_trip_seconds: float) -> Iterator[int]:
    """The relay's port, for as long as the context lasts; it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        serve(host, port, round_trip_seconds / 2), loop
    ).result()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(hang_up(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
