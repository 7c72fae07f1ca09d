"""A wire to a server on loopback that can be frozen: the client sees its connections end, and the server gets what was sent when it thaws."""
import asyncio
import threading


class Wire:
    def __init__(self, to_port):
        self.to_port, self.frozen, self.writers = to_port, False, set()
        self.thawed = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = self.ask(self.open())

    def ask(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    async def open(self):
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            await self.exchange(reader, writer)
        except OSError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def exchange(self, reader, writer):
        answers, requests = await asyncio.open_connection("127.0.0.1", self.to_port)
        back = asyncio.ensure_future(self.carry(answers, writer))
        try:
            while data := await reader.read(65536):
                if self.frozen:
                    data += await self.rest(reader)
                    writer.close()
                    await self.thawed.wait()
                    requests.write(data)
                    await requests.drain()
                    await asyncio.sleep(1)  # for the server to read it
                    return
                requests.write(data)
                await requests.drain()
        finally:
            back.cancel()
            requests.close()

    @staticmethod
    async def rest(reader):
        """What follows at once: a body after its headers."""
        data = b""
        try:
            while more := await asyncio.wait_for(reader.read(65536), 0.02):
                data += more
        except asyncio.TimeoutError:
            pass
        return data

    @staticmethod
    async def carry(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def set(self, frozen):
        self.frozen = frozen
        if frozen:
            self.thawed.clear()
        else:
            self.thawed.set()

    def freeze(self):
        self.ask(self.set(True))

    def thaw(self):
        self.ask(self.set(False))

    async def shut(self):
        self.server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    def close(self):
        self.ask(self.shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()
