"""The clients that benchmarks/annotate.py compares, each a process of its own that prints its seconds as JSON.

All send the same chat completions to a loopback endpoint. `distil` is the stage annotate, from reading the table of
texts to the written annotations; the others only have the answers in memory. Imports are not timed.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

WORKERS = 64


def bodies(texts: int, votes: int) -> Iterator[dict[str, Any]]:
    """The requests as distil would send them."""
    from distil.annotate.questions import make_job
    from distil.core.params import TaskParams, load_params
    from distil.prompting.params import AnnotateParams
    from distil.teacher.connect import make_protocol

    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    job = make_job(task, params, Path("texts.parquet"), Path("assets.txt"), "cpu")
    (plan,) = job.plans
    protocol = make_protocol(plan)
    assert job.text_count == texts
    assert params.votes.max == votes
    return (protocol.body(request) for request in job.planned(plan))


async def run_workers(send: Callable[[dict[str, Any]], Awaitable[Any]], requests: Iterator[dict[str, Any]]) -> float:
    """Seconds for all requests, by WORKERS tasks that draw from one iterator."""

    async def work() -> None:
        for body in requests:
            await send(body)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return time.perf_counter() - started


async def bare(url: str, requests: Iterator[dict[str, Any]]) -> float:
    """Nothing but aiohttp: post, read the JSON, drop it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS)) as session:

        async def send(body: dict[str, Any]) -> None:
            async with session.post(url + "/chat/completions", json=body) as response:
                (await response.json())["choices"][0]["message"]["content"]

        return await run_workers(send, requests)


async def openai(url: str, requests: Iterator[dict[str, Any]]) -> float:
    """The client library of OpenAI, as its documentation uses it."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        return await run_workers(lambda body: client.chat.completions.create(**body), requests)


async def study(url: str, requests: Iterator[dict[str, Any]]) -> float:
    """The way of the 2024 study: batches of 64 gathered whole, and a second of sleep after each."""
    waiting = list(requests)
    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS)) as session:

        async def send(body: dict[str, Any]) -> None:
            async with session.post(url + "/chat/completions", json=body) as response:
                await response.json()

        for start in range(0, len(waiting), WORKERS):
            await asyncio.gather(*map(send, waiting[start : start + WORKERS]))
            await asyncio.sleep(1)
    return time.perf_counter() - started


def distil(_url: str, _requests: Iterator[dict[str, Any]]) -> float:
    """The stage, with store, parsing and the written table."""
    from stages.annotate import main

    started = time.perf_counter()
    main(*map(Path, ("texts.parquet", "assets.txt", "annotations.parquet", "annotate.json")))
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=["bare", "openai", "study", "distil"])
    parser.add_argument("url")
    parser.add_argument("texts", type=int)
    parser.add_argument("votes", type=int)
    arguments = parser.parse_args()
    requests = bodies(arguments.texts, arguments.votes)
    if arguments.client == "distil":
        seconds = distil(arguments.url, requests)
    else:
        run = {"bare": bare, "openai": openai, "study": study}[arguments.client]
        seconds = asyncio.run(run(arguments.url, requests))
    print(json.dumps({"seconds": seconds}))
