"""How calls to a remote model go: speed, a soak with faults, and random kills.

    python experiments/calls.py speed [--rows 2000] [--in-flight 32] [--delay 0.2]
    python experiments/calls.py soak [--rows 50000]
    python experiments/calls.py kill [--kills 20]
    python experiments/calls.py side --mock-python PATH   (of an environment with mostlyai-mock)

The server is this file in a process of its own, on loopback; it speaks as OpenAI does, and the
SDK's own client talks to it.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer, OpenAIProvider, Prices
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.scripted import random_json

PORT = 18763
#: Rows that mostlyai-mock asks for in a call.
MOCK_ROWS = 20
URL = f'http://127.0.0.1:{PORT}'


@dataclass(frozen=True)
class Behaviour:
    """Seconds until each answer, and shares of answers that are none."""

    delay: float = 0.0
    limited: float = 0.0
    broken: float = 0.0
    dropped: float = 0.0


def table(num_rows: int = 200) -> pd.DataFrame:
    """Customers: eight columns of the usual kinds."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        'age': rng.integers(18, 90, num_rows),
        'income': np.round(rng.lognormal(10, 0.5, num_rows), 2),
        'children': rng.integers(0, 5, num_rows),
        'region': rng.choice(['north', 'south', 'east', 'west'], num_rows),
        'married': rng.random(num_rows) < 0.5,
        'score': np.round(rng.normal(0, 1, num_rows), 3),
        'plan': rng.choice(['basic', 'plus', 'premium'], num_rows),
        'visits': rng.integers(0, 300, num_rows),
    })


def make(cache: str | bool = False, *, in_flight: int = 32, rows: int = 5) -> LLMGANSynthesizer:
    """A synthesizer that has the server write rows; the loop is one step long."""
    kinds = {'region': 'categorical', 'plan': 'categorical', 'married': 'boolean'}
    columns = {name: {'sdtype': kinds.get(name, 'numerical')} for name in table()}
    metadata = Metadata.load_from_dict({
        'tables': {'customers': {'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    llm = OpenAIProvider(
        'tiny', base_url=f'{URL}/v1', max_concurrency=in_flight, prices=Prices(0.15, 0.6)
    )
    return LLMGANSynthesizer(
        metadata,
        llm=llm,
        sampler='llm',
        causal_graph='none',
        examples_per_call=rows,
        rows_per_example=1,
        max_batches=1,
        cache=cache,
    )


def given(synthesizer: LLMGANSynthesizer) -> object:
    """The table as the installed line of SDV takes it."""
    tables = getattr(synthesizer.metadata, 'tables', {})
    return (
        {next(iter(tables)): table()} if hasattr(synthesizer, 'get_info') and _sdv2() else table()
    )


def _sdv2() -> bool:
    import sdv

    return int(sdv.__version__.split('.')[0]) >= 2


def serve(behaviour: Behaviour, log: str | None = None) -> None:
    """Answer until killed; ``log`` gets the hash of each request that was answered whole."""
    rng = random.Random(0)
    replies: dict[str, list[str]] = {}

    def reply(raw: bytes) -> str:
        schema = json.loads(raw)['response_format']['json_schema']['schema']
        kind = json.dumps(schema)
        if kind not in replies:  # a pool of replies, so that the server takes little time
            replies[kind] = [random_json(schema, np.random.default_rng(n)) for n in range(500)]
        return replies[kind][zlib.crc32(raw) % 500]  # the same request, the same reply

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b'\r\n\r\n'):
                length = next(
                    int(line.split(b':')[1])
                    for line in head.lower().split(b'\r\n')
                    if line.startswith(b'content-length')
                )
                raw = await reader.readexactly(length)
                await asyncio.sleep(behaviour.delay)
                if b'"stream":true' in raw.replace(b' ', b''):
                    await stream(writer, json.loads(raw))
                    continue
                luck = rng.random()
                if luck < behaviour.dropped:
                    writer.close()
                    return
                luck -= behaviour.dropped
                if luck < behaviour.limited:
                    status, payload = 429, {'error': {'message': 'Rate limit reached'}}
                else:
                    text = reply(raw)
                    if luck - behaviour.limited < behaviour.broken:
                        text = text[: len(text) // 2]
                    status, payload = 200, completion(text, len(raw))
                data = json.dumps(payload).encode()
                writer.write(
                    f'HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n'
                    f'retry-after-ms: 20\r\ncontent-length: {len(data)}\r\n\r\n'.encode()
                    + data
                )
                await writer.drain()
                if log and status == 200:
                    with open(log, 'a') as file:
                        file.write(f'{time.time()} {hash(raw)}\n')
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def stream(writer: asyncio.StreamWriter, body: dict) -> None:
        """Twenty rows in one event, as mostlyai-mock asks for them."""
        schema = body['response_format']['json_schema']['schema']
        row = _inlined(schema['properties']['rows']['items'], schema.get('$defs', {}))
        rng = np.random.default_rng(0)
        rows = [json.loads(random_json(row, rng)) for _ in range(MOCK_ROWS)]
        choice = {'index': 0, 'delta': {'role': 'assistant', 'content': json.dumps({'rows': rows})}}
        head = {'id': 'x', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'tiny'}
        events = [{**head, 'choices': [{**choice, 'finish_reason': None}]}]
        events += [{**head, 'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]}]
        data = ''.join(f'data: {json.dumps(event)}\n\n' for event in events) + 'data: [DONE]\n\n'
        writer.write(
            b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
            + f'content-length: {len(data)}\r\n\r\n{data}'.encode()
        )
        await writer.drain()

    async def main() -> None:
        server = await asyncio.start_server(answer, '127.0.0.1', PORT, backlog=256)
        async with server:
            await server.serve_forever()

    asyncio.run(main())


def _inlined(schema: Json, parts: dict) -> Json:
    """A JSON Schema with its references put in their places."""
    if isinstance(schema, list):
        return [_inlined(part, parts) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if '$ref' in schema:
        return _inlined(parts[schema['$ref'].split('/')[-1]], parts)
    return {key: _inlined(part, parts) for key, part in schema.items()}


def completion(text: str, size: int) -> dict:
    """A reply in OpenAI's form; a token is four characters."""
    usage = {'prompt_tokens': size // 4, 'completion_tokens': len(text) // 4, 'total_tokens': 0}
    message = {'role': 'assistant', 'content': text}
    choice = {'index': 0, 'finish_reason': 'stop', 'message': message}
    head = {'id': 'x', 'object': 'chat.completion', 'created': 1, 'model': 'tiny'}
    return {**head, 'choices': [choice], 'usage': usage}


class Serving:
    """A server in a process of its own, for the length of a block."""

    def __init__(self, behaviour: Behaviour, log: str | None = None) -> None:
        self.process = multiprocessing.get_context('spawn').Process(
            target=serve, args=(behaviour, log), daemon=True
        )

    def __enter__(self) -> None:
        import socket

        self.process.start()
        for _ in range(600):
            try:
                socket.create_connection(('127.0.0.1', PORT), 0.1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit('The server did not start.')

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.join()


def speed(arguments: argparse.Namespace) -> None:
    """Wall time against the ideal, and own processor time a row."""
    with Serving(Behaviour(delay=arguments.delay)):
        made = make(in_flight=arguments.in_flight, rows=arguments.examples_per_call)
        made.fit(given(made))
        before = made.get_usage().loc['generator', 'calls']
        began, cpu = time.perf_counter(), time.process_time()
        made.sample(arguments.rows)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    calls = made.get_usage().loc['generator', 'calls'] - before
    ideal = -(-calls // arguments.in_flight) * arguments.delay
    print(f'{arguments.rows} rows in {calls} calls, {arguments.in_flight} in flight:')
    print(f'  wall {wall:.2f} s = {wall / ideal:.2f} x the ideal {ideal:.2f} s')
    print(f'  own processor time {cpu:.2f} s = {1000 * cpu / arguments.rows:.2f} ms a row')


def soak(arguments: argparse.Namespace) -> None:
    """Many rows through a bad line: all there, and memory flat."""
    memory: list[float] = []
    with Serving(Behaviour(0.002, limited=0.20, broken=0.05, dropped=0.02)):
        made = make(rows=10)
        made.fit(given(made))
        began = time.perf_counter()
        rows = 0
        for _ in range(10):
            drawn = made.sample(arguments.rows // 10)
            rows += len(drawn if isinstance(drawn, pd.DataFrame) else next(iter(drawn.values())))
            memory.append(_resident())
            print(f'  {rows} rows, {memory[-1]:.0f} MB, {time.perf_counter() - began:.0f} s')
    print(f'{rows} of {arguments.rows} rows; most {max(memory) - memory[0]:+.0f} MB after a tenth')
    print(made.get_usage().to_string())


def _resident() -> float:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def kill(arguments: argparse.Namespace) -> None:
    """Kill a fit and sample at random times until it ends; count what was asked twice."""
    with tempfile.TemporaryDirectory() as folder:
        cache, log = f'{folder}/replies.sqlite', f'{folder}/answered'
        rng = random.Random(arguments.seed)
        run = [sys.executable, __file__, 'run', '--cache', cache, '--rows', '1000']
        deaths = 0
        with Serving(Behaviour(delay=0.2), log):
            begin = time.perf_counter()
            reference = subprocess.run(run, capture_output=True, text=True)
            whole = time.perf_counter() - begin
            if reference.returncode:
                raise SystemExit(reference.stderr)
            Path(cache).unlink()
            Path(log).unlink()
            killed: list[float] = []
            while deaths < arguments.kills:
                with subprocess.Popen(run, stdout=subprocess.DEVNULL) as process:
                    try:
                        process.wait(rng.uniform(0.3, 1.0) * whole)
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        deaths += 1
                        killed.append(time.time())
                        continue
                Path(cache).unlink()  # it ended before it was killed: begin anew
                Path(log).unlink()
            last = subprocess.run(run, capture_output=True, text=True)
        answers = collections.defaultdict(list)
        for line in Path(log).read_text().splitlines():
            at, request = line.split()
            answers[request].append(float(at))
        again = [sorted(times)[:-1] for times in answers.values()]
        # A call is out for 0.2 s: the kill came before its answer, or while that was on its way.
        out = [any(-0.1 <= at - kill <= 0.3 for kill in killed) for ats in again for at in ats]
        print(f'{deaths} kills; {len(answers)} calls')
        print(f'asked again: {sum(out)} that were out, {len(out) - sum(out)} that were completed')
        print(f'same process and rows as without a kill: {last.stdout == reference.stdout}')


def side(arguments: argparse.Namespace) -> None:
    """The same number of rows by mostlyai-mock, and by ours at its ten calls in flight."""
    client = str(Path(__file__).with_name('mock_client.py'))
    with Serving(Behaviour(delay=arguments.delay)):
        run = [arguments.mock_python, client, URL, str(arguments.rows)]
        theirs = subprocess.run(run, capture_output=True, text=True, timeout=600)
        if theirs.returncode:
            raise SystemExit(theirs.stderr)
        rows, wall, cpu = map(float, theirs.stdout.split()[-3:])
        made = make(in_flight=10, rows=MOCK_ROWS)
        made.fit(given(made))
        began, own = time.perf_counter(), time.process_time()
        made.sample(arguments.rows)
        began, own = time.perf_counter() - began, time.process_time() - own
    print(f'10 calls in flight, {MOCK_ROWS} rows a call, {arguments.rows} rows:')
    for name, count, seconds, busy in (
        ('mostlyai-mock', rows, wall, cpu),
        ('sdv-llmgan', arguments.rows, began, own),
    ):
        milliseconds = 1000 * busy / count
        print(f'  {name}: {count:.0f} rows, {seconds:.2f} s, {milliseconds:.2f} ms of CPU a row')


def run(arguments: argparse.Namespace) -> None:
    """One fit and sample, whose outcome is printed."""
    made = make(arguments.cache)
    made.fit(given(made))
    rows = made.sample(arguments.rows)
    print(made.get_generation_process().to_json())
    print(rows if isinstance(rows, pd.DataFrame) else next(iter(rows.values())).to_csv())


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('what', choices=['speed', 'soak', 'kill', 'side', 'run'])
    parser.add_argument('--rows', type=int)
    parser.add_argument('--in-flight', type=int, default=32)
    parser.add_argument('--delay', type=float, default=0.2)
    parser.add_argument('--examples-per-call', type=int, default=5)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cache', default=False)
    parser.add_argument('--mock-python')
    arguments = parser.parse_args()
    arguments.rows = arguments.rows or {'soak': 50_000}.get(arguments.what, 2_000)
    os.environ.setdefault('OPENAI_API_KEY', 'none')
    warnings.simplefilter('ignore')
    {'speed': speed, 'soak': soak, 'kill': kill, 'side': side, 'run': run}[arguments.what](
        arguments
    )


if __name__ == '__main__':
    main()
