"""The provider against a server on loopback that speaks as Ollama does."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cloudpickle
import jsonschema
import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from sdv_llmgan_ollama import OllamaProvider

from sdv_llmgan import LLMGANSynthesizer, Message, ProviderError, Request, Usage, registry
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.providers.scripted import random_json

ROW = {
    'type': 'object',
    'properties': {
        'age': {'type': 'integer', 'minimum': 18, 'maximum': 90},
        'job': {'enum': ['nurse', 'clerk', None]},
    },
    'required': ['age', 'job'],
    'additionalProperties': False,
}
ASK = Request(
    messages=(Message('system', 'You write rows.'), Message('user', 'Write a row as JSON.')),
    json_schema=ROW,
    temperature=0.5,
    max_tokens=64,
    seed=7,
)
STAFF = pd.DataFrame({
    'age': [23, 31, 38, 44, 52, 57, 61, 29],
    'job': ['nurse', 'clerk', 'nurse', 'nurse', 'clerk', 'nurse', 'clerk', 'clerk'],
})


class OllamaDouble(ThreadingHTTPServer):
    """Answers ``/api/chat`` for the model ``tiny``; ``drops`` cuts the connection instead.

    Connections stay open as long as the client keeps them.
    """

    daemon_threads = True

    def __init__(self, delay=0.0, drops=False):
        super().__init__(('127.0.0.1', 0), Handler)
        self.delay, self.drops = delay, drops
        self.bodies, self.headers = [], []
        self.lock = threading.Lock()
        self.in_flight = self.peak = 0

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        with server.lock:
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.in_flight += 1
            server.peak = max(server.peak, server.in_flight)
        time.sleep(server.delay)
        with server.lock:
            server.in_flight -= 1
        if server.drops:
            self.close_connection = True
        else:
            self.answer(*reply(self.path, body))

    def answer(self, status, body):
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json; charset=utf-8')
        self.send_header('Content-Length', str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *args):
        pass


def reply(path, body):
    """Status and body as Ollama writes them (https://docs.ollama.com/api/chat)."""
    if path != '/api/chat':
        return 404, {'error': 'page not found'}
    if body['model'] == 'odd':
        return 200, {'status': 'ok'}
    if body['model'] != 'tiny':
        return 404, {'error': f"model '{body['model']}' not found"}
    if body['stream'] is not False:
        return 400, {'error': 'this double does not stream'}
    schema = body.get('format')
    if not isinstance(schema, (dict, type(None))):
        return 400, {'error': f'invalid format: {schema}'}
    rng = np.random.default_rng(body['options']['seed'])
    text = random_json(schema, rng) if schema else 'Good morning.'
    return 200, {
        'model': 'tiny',
        'created_at': '2026-01-01T00:00:00Z',
        'message': {'role': 'assistant', 'content': text},
        'done_reason': 'stop',
        'done': True,
        'prompt_eval_count': 26,
        'eval_count': 12,
    }


@pytest.fixture(autouse=True)
def no_ollama(monkeypatch):
    """No test reaches a real server, or sends a real key."""
    monkeypatch.delenv('OLLAMA_API_KEY', raising=False)
    monkeypatch.setenv('OLLAMA_HOST', 'http://127.0.0.1:9')


@pytest.fixture
def server(monkeypatch):
    with OllamaDouble() as server:
        monkeypatch.setenv('OLLAMA_HOST', address(server))
        yield server


def address(server):
    return f'http://127.0.0.1:{server.server_port}'


def test_the_provider_is_found_by_name_and_the_model_keeps_its_slashes_and_tag():
    provider = registry.find_provider('ollama/org/tiny:1b')
    assert isinstance(provider, OllamaProvider)
    assert provider.model == 'org/tiny:1b'


def test_loading_the_plugin_does_not_load_the_client():
    code = "import sdv_llmgan_ollama, sys; assert 'ollama' not in sys.modules"
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)


def test_a_request_asks_for_structured_output_with_temperature_seed_and_length(server):
    OllamaProvider('tiny').complete(ASK)
    [body] = server.bodies
    assert body == {
        'model': 'tiny',
        'messages': [
            {'role': 'system', 'content': 'You write rows.'},
            {'role': 'user', 'content': 'Write a row as JSON.'},
        ],
        'format': ROW,
        'options': {'temperature': 0.5, 'seed': 7, 'num_predict': 64},
        'stream': False,
        'tools': [],
    }


def test_replies_meet_the_schema_and_their_tokens_are_counted(server):
    completions = OllamaProvider('tiny').complete_many([ASK, ASK])
    for completion in completions:
        jsonschema.validate(json.loads(completion.text), ROW)
        assert completion.usage == Usage(calls=1, prompt_tokens=26, completion_tokens=12)
    assert completions[0] == completions[1]


def test_a_request_without_a_schema_asks_for_no_format(server):
    completion = OllamaProvider('tiny').complete(Request(ASK.messages))
    assert completion.text == 'Good morning.'
    assert 'format' not in server.bodies[0]


def test_no_key_is_needed_and_none_is_sent(server):
    OllamaProvider('tiny').complete(ASK)
    assert 'authorization' not in {name.lower() for name in server.headers[0]}


def test_where_nothing_listens_the_error_says_what_to_start():
    with pytest.raises(ProviderError, match=r"OllamaProvider\('tiny'\) .* 'ollama serve' running"):
        OllamaProvider('tiny').complete(ASK)


def test_a_model_that_is_not_there_is_an_error_that_says_how_to_get_it(server):
    with pytest.raises(ProviderError, match="'huge' not found .* 'ollama pull huge' done"):
        OllamaProvider('huge').complete(ASK)


def test_an_answer_that_is_none_of_ollamas_is_an_error_of_the_provider(server):
    with pytest.raises(ProviderError, match='did not answer'):
        OllamaProvider('odd').complete(ASK)


def test_a_connection_that_breaks_is_an_error_of_the_provider(monkeypatch):
    with OllamaDouble(drops=True) as server:
        monkeypatch.setenv('OLLAMA_HOST', address(server))
        with pytest.raises(ProviderError, match='disconnected'):
            OllamaProvider('tiny').complete(ASK)


def test_a_server_that_takes_too_long_is_an_error_of_the_provider(monkeypatch):
    monkeypatch.setattr('sdv_llmgan_ollama.TIMEOUT', 0.1)
    with OllamaDouble(delay=0.5) as server:
        monkeypatch.setenv('OLLAMA_HOST', address(server))
        with pytest.raises(ProviderError, match='timed out'):
            OllamaProvider('tiny').complete(ASK)


def test_check_wants_a_models_name_and_sends_nothing(server):
    OllamaProvider('tiny').check()
    with pytest.raises(ProviderError, match='llm=.ollama/llama3.1'):
        registry.find_provider('ollama').check()
    assert server.bodies == []


@pytest.mark.parametrize(
    'host',
    [
        *('', '127.0.0.1', 'localhost:11434', ':11434', 'http://localhost', '0.0.0.0:11434'),
        *('http://127.0.0.1:11434/', '[::1]:11434', 'http://LOCALHOST:80/path'),
    ],
)
def test_on_loopback_nothing_leaves_this_machine(host, monkeypatch):
    monkeypatch.setenv('OLLAMA_HOST', host)
    assert not OllamaProvider('llama3.1').remote


@pytest.mark.parametrize(
    'host', ['10.1.2.3', 'gpu.example:11434', 'https://ollama.com', 'http://localhost.example:80']
)
def test_any_other_host_is_remote(host, monkeypatch):
    monkeypatch.setenv('OLLAMA_HOST', host)
    assert OllamaProvider('llama3.1').remote


@pytest.mark.parametrize('model', ['gpt-oss:120b-cloud', 'gpt-oss:cloud', 'gpt-oss:CLOUD'])
def test_a_cloud_model_is_remote_also_where_the_server_is_not(model, monkeypatch):
    monkeypatch.delenv('OLLAMA_HOST')
    assert OllamaProvider(model).remote
    assert not OllamaProvider('gpt-oss:20b').remote


def test_no_connection_stays_open(server):
    provider = OllamaProvider('tiny')
    provider.complete(ASK)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        del provider
        gc.collect()
    assert [str(warning.message) for warning in warned] == []


def test_a_pickle_holds_no_client_and_works(server):
    provider = OllamaProvider('tiny')
    first = provider.complete(ASK)
    restored = cloudpickle.loads(cloudpickle.dumps(provider))
    assert vars(restored) == {'model': 'tiny'}
    assert restored.complete(ASK) == first


def test_no_more_calls_are_in_flight_than_the_provider_allows(monkeypatch):
    requests = [Request(ASK.messages, ROW, seed=seed) for seed in range(12)]
    with OllamaDouble(delay=0.05) as server:
        monkeypatch.setenv('OLLAMA_HOST', address(server))
        completions = MeteredProvider(OllamaProvider('tiny')).complete_many(requests)
        alone = [OllamaProvider('tiny').complete(request) for request in requests]
    assert completions == alone
    assert 1 < server.peak <= OllamaProvider.max_concurrency


def test_a_synthesizer_fits_and_samples_with_it(server):
    metadata = Metadata.load_from_dict({
        'tables': {
            'staff': {'columns': {'age': {'sdtype': 'numerical'}, 'job': {'sdtype': 'categorical'}}}
        },
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    synthesizer = LLMGANSynthesizer(
        metadata, llm='ollama/tiny', batch_size=8, max_batches=2, sampler='llm', causal_graph='none'
    )
    synthesizer.fit({'staff': STAFF})
    sample = synthesizer.sample(5)['staff']
    assert len(sample) == 5
    assert set(sample['job']) <= {'nurse', 'clerk'}
    assert sample['age'].between(23, 61).all()
    assert not synthesizer.get_info()['remote']
    assert all(body['format'] for body in server.bodies)
