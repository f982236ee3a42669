"""A TCP proxy whose connections go wrong as a plan says: real sockets between a client and a receiver.

    proxy = FaultProxy(sandbox.port, lambda number: Fault("reset", "answer", 17) if number % 2 else None)

`plan` is asked with the number of each new connection (1, 2, ...) and may be replaced at any time.
"""
import asyncio
import collections
import random
import socket
import struct
import threading
from dataclasses import dataclass

REQUEST, ANSWER = "request", "answer"
CHUNK = 65536
DRIP_BYTES, DRIP_PAUSE_S = 7, 0.001
DELAY_S = 0.3
SLOW_BYTES = 2000  # of a slow connection; it is closed then, so that others get their turn


@dataclass(frozen=True)
class Fault:
    """What happens after `at` bytes of one side have passed.

    reset       both ends get a reset
    close       both ends are closed in order
    half_close  this direction ends, the other stays open
    silence     nothing more passes in this direction, nothing is closed
    garbage     random bytes take the place of the rest, then both ends are closed
    drip        the rest passes a few bytes at a time, until both ends are closed
    delay       the rest passes, later, until both ends are closed
    """
    kind: str
    side: str = ANSWER
    at: int = 0


KINDS = ("reset", "close", "half_close", "silence", "garbage", "drip", "delay")


class Broken(Exception):
    """The connection is over; the argument says how both ends are closed: `close` or `reset`."""


class FaultProxy:
    """Runs in a thread of its own until `end()`. `happened` counts the faults that came to pass, by kind and side."""

    def __init__(self, target_port, plan=lambda number: None, seed=1):
        self.plan = plan
        self.connections = 0
        self.happened = collections.Counter()
        self._target_port = target_port
        self._random = random.Random(seed)
        self._open = set()  # asyncio itself would let go of a connection that its client has closed
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def end(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        while tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        fault = self.plan(self.connections)
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            reset(writer)
            return
        ways = [asyncio.ensure_future(self._pass_on(*way)) for way in (
            (reader, upstream, fault if fault and fault.side == REQUEST else None),
            (upstream_reader, writer, fault if fault and fault.side == ANSWER else None))]
        end = close
        try:
            await asyncio.gather(*ways)
        except Broken as broken:
            end = broken.args[0]
        except OSError:
            end = reset
        for way in ways:
            way.cancel()
        end(writer)
        end(upstream)

    async def _pass_on(self, source, sink, fault):
        """Bytes from one end to the other; ends with the end of the stream."""
        left = fault.at if fault else None
        while True:
            data = await source.read(CHUNK)
            if not data:
                if sink.can_write_eof():
                    sink.write_eof()
                return
            if fault and len(data) >= left:
                sink.write(data[:left])
                await sink.drain()
                await self._happen(fault, data[left:], source, sink)
                return
            if fault:
                left -= len(data)
            sink.write(data)
            await sink.drain()

    async def _happen(self, fault, rest, source, sink):
        self.happened[fault.kind, fault.side] += 1
        if fault.kind == "reset":
            raise Broken(reset)
        if fault.kind == "close":
            raise Broken(close)
        if fault.kind == "garbage":
            sink.write(self._random.randbytes(self._random.randrange(1, 2000)))
            await sink.drain()
            raise Broken(close)
        if fault.kind == "half_close":
            sink.write_eof()
        if fault.kind in ("half_close", "silence"):
            while await source.read(CHUNK):
                pass
            raise Broken(close)
        if fault.kind == "delay":
            await asyncio.sleep(DELAY_S)
        await self._drip(rest, source, sink, fault.kind == "drip")

    async def _drip(self, data, source, sink, slowly):
        step, left = DRIP_BYTES if slowly else CHUNK, SLOW_BYTES
        while data and left > 0:
            for at in range(0, len(data), step):
                sink.write(data[at:at + step])
                await sink.drain()
                if slowly:
                    await asyncio.sleep(DRIP_PAUSE_S)
            left -= len(data)
            data = await source.read(CHUNK)
        raise Broken(close)


def close(writer):
    writer.close()


def reset(writer):
    """Closes with a reset, whatever is still on its way."""
    connection = writer.get_extra_info("socket")
    if connection and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def random_faults(seed, share=1.0, kinds=KINDS, side=None, request_bytes=6000, answer_bytes=300):
    """A plan: this share of the connections goes wrong, each in its own way at its own byte."""
    dice = random.Random(seed)

    def plan(number):
        if dice.random() >= share:
            return None
        kind = dice.choice(kinds)
        where = side or (ANSWER if kind == "garbage" else dice.choice((REQUEST, ANSWER)))
        return Fault(kind, where, dice.randrange(request_bytes if where == REQUEST else answer_bytes))
    return plan
