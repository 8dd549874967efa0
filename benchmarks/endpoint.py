"""A teacher on loopback for benchmarks: answers every chat completion, after a delay, in a limited number of slots.

It is written on bare asyncio streams, so that it costs little beside the clients that are measured against it.
`GET /stats` tells the requests answered, and the most that were under way at once.

    python benchmarks/endpoint.py --port 8400 --latency-ms 200 --slots 64
"""

import argparse
import asyncio
import json
from contextlib import nullcontext

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "model": "loopback",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": '{"reason": "It says so in plain words.", "label": "positive"}',
            },
        }
    ],
    "usage": {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140},
}
BODY = json.dumps(ANSWER).encode()


class Endpoint:
    """Counts what it answers."""

    def __init__(self, latency_s: float, slots: int) -> None:
        self.latency_s = latency_s
        self.slots = asyncio.Semaphore(slots) if slots else nullcontext()
        self.answered = self.under_way = self.most_under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(content_length(head))
                body = self.stats() if head.startswith(b"GET /stats") else await self.answer()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self) -> bytes:
        """Wait for a slot, and then as long as an answer takes."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        async with self.slots:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
        self.under_way -= 1
        self.answered += 1
        return BODY

    def stats(self) -> bytes:
        """The counts as JSON."""
        return json.dumps({"answered": self.answered, "most_in_flight": self.most_under_way}).encode()


def content_length(head: bytes) -> int:
    """The length of a request's body."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--slots", type=int, default=0, help="answers at once; more wait (0: no limit)")
    arguments = parser.parse_args()
    endpoint = Endpoint(arguments.latency_ms / 1000, arguments.slots)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", arguments.port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
