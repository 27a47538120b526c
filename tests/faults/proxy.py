"""A TCP proxy that does what networks do: cut, swallow, refuse, and dawdle."""

import asyncio

CHUNK = 1 << 16


class Proxy:
    """Passes what comes in on its port to another port of loopback, as long as it is let."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.server, self.latency, self.pairs = None, 0.0, set()
        self.passes = asyncio.Event()
        self.passes.set()

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def accept(self, reader, writer):
        pair = [writer]
        self.pairs.add(tuple(pair))
        key = tuple(pair)
        try:
            await self.passes.wait()
            there, onward = await asyncio.open_connection("127.0.0.1", self.target)
            self.pairs.discard(key)
            key = (writer, onward)
            self.pairs.add(key)
            await asyncio.gather(self.pump(reader, onward), self.pump(there, writer))
        except OSError:
            pass
        finally:
            self.pairs.discard(key)
            for one in key:
                one.transport.abort()

    async def pump(self, reader, writer):
        """One direction, until its end; then the connection as a whole ends."""
        while True:
            data = await reader.read(CHUNK)
            if self.latency:
                await asyncio.sleep(self.latency)
            # What was read before the hole opened stays in it until it closes.
            await self.passes.wait()
            if not data:
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()

    def cut(self):
        """Resets every connection that stands."""
        for pair in list(self.pairs):
            for one in pair:
                one.transport.abort()

    async def refuse(self, seconds):
        """Resets every connection and takes no new one."""
        server, self.server = self.server, None
        if server is None:
            return
        server.close()
        self.cut()
        await asyncio.sleep(seconds)
        await self.start()

    async def swallow(self, seconds, then_cut):
        """Accepts and passes nothing. Afterwards all of it arrives late, or the connections turn out to be dead."""
        self.passes.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            if then_cut:
                self.cut()
            self.passes.set()

    async def dawdle(self, seconds, latency):
        """Passes everything late."""
        self.latency = latency
        try:
            await asyncio.sleep(seconds)
        finally:
            self.latency = 0.0

    async def stop(self):
        if self.server is not None:
            self.server.close()
        self.passes.set()
        self.cut()
