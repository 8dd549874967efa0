"""A teacher on loopback for benchmarks: answers every chat completion, after a delay, in a limited number of slots.

It is written on bare asyncio streams, so that it costs little beside the clients that are measured against it.
`GET /stats` tells how many requests were answered, and how many are under way.

    python benchmarks/endpoint.py --port 8400 --latency-ms 200 --slots 64
"""

import argparse
import asyncio
import json
import zlib
from contextlib import nullcontext

LABELS = ["negative", "neutral", "positive"]


def make_answer(label: str) -> bytes:
    """A chat completion that gives the label with a reason."""
    reply = json.dumps({"reason": f"The sentence says in plain words that it is {label}.", "label": label})
    message = {"role": "assistant", "content": reply}
    answer = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "loopback",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 350, "completion_tokens": 30, "total_tokens": 380},
    }
    return json.dumps(answer).encode()


ANSWERS = [make_answer(label) for label in LABELS]


class Endpoint:
    """Counts what it answers."""

    def __init__(self, latency_s: float, slots: int) -> None:
        self.latency_s = latency_s
        self.slots = asyncio.Semaphore(slots) if slots else nullcontext()
        self.answered = self.under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request = await reader.readexactly(content_length(head))
                body = self.stats() if head.startswith(b"GET /stats") else await self.answer(request)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, request: bytes) -> bytes:
        """Wait for a slot, and then as long as an answer takes; the same request gets the same answer."""
        self.under_way += 1
        async with self.slots:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
        self.under_way -= 1
        self.answered += 1
        return ANSWERS[zlib.crc32(request) % len(ANSWERS)]

    def stats(self) -> bytes:
        """The counts as JSON."""
        return json.dumps({"answered": self.answered, "under_way": self.under_way}).encode()


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
