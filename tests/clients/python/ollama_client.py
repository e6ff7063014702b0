"""Ollama's Python client, unmodified, against a real server."""

import asyncio
import base64
import json
import math

import ollama
from ollama import ResponseError
from pydantic import BaseModel
from typing import Literal

from lib import script
from lib.registry import Registry
from lib.report import case, equal, raises, run
from lib.server import SEEDED, Server

server = Server()
mirror = Server("--registry")
registry = Registry()
client = ollama.Client(server.url)
ask = [{"role": "user", "content": "How is the weather?"}]
PNG = base64.b64decode("iVBORw0KGgo=")


def greedy(**more):
    return {"temperature": 0, **more}


@case("create: a blob, then a model of it, with progress")
def _():
    equal(client.list().models, [])
    digest = client.create_blob(SEEDED / script.FILE)
    equal(client.create_blob(SEEDED / script.FILE), digest)
    parts = list(client.create("scripted", files={script.FILE: digest}, stream=True))
    statuses = [part.status for part in parts]
    assert f"using existing layer {digest}" in statuses, statuses
    equal(statuses[-2:], ["writing manifest", "success"])
    digest = client.create_blob(SEEDED / script.NOISE_FILE)
    made = client.create(
        "noise",
        files={script.NOISE_FILE: digest},
        system="Be brief.",
        license="Free.",
        parameters={"num_predict": 7, "stop": ["<|im_end|>"]},
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
    )
    equal(made.status, "success")


@case("create: from a stored model")
def _():
    client.create("insert", from_="scripted", template="{{ .Prompt }} {{ .Suffix }}<|told|>")
    assert "insert" in client.show("insert").capabilities


@case("create: errors")
def _():
    raises(ResponseError, lambda: client.create("x", files={"a.gguf": "sha256:1"}), status_code=400)
    missing = "sha256:" + 64 * "0"
    raises(ResponseError, lambda: client.create("x", files={"a.gguf": missing}), status_code=400)
    raises(ResponseError, lambda: list(client.create("x", stream=True)), status_code=400)


@case("list, show and ps")
def _():
    models = {model.model: model for model in client.list().models}
    equal(sorted(models), ["insert:latest", "noise:latest", "scripted:latest"])
    listed = models["scripted:latest"]
    equal((listed.details.format, listed.details.family), ("gguf", "llama"))
    equal(len(listed.digest), 64)
    assert listed.size > (SEEDED / script.FILE).stat().st_size
    shown = client.show("noise")
    equal(shown.modelinfo["general.architecture"], "llama")
    equal((shown.license, shown.details.family), ("Free.", "llama"))
    assert "SYSTEM Be brief." in shown.modelfile and "num_predict" in shown.parameters
    assert {"completion", "tools", "thinking"} <= set(client.show("scripted").capabilities)
    client.generate("noise", keep_alive="5m")
    loaded = {model.model: model for model in client.ps().models}["noise:latest"]
    assert loaded.context_length > 0 and loaded.size > 0 and loaded.expires_at.tzinfo
    equal(loaded.digest, models["noise:latest"].digest)


@case("generate: whole and streamed")
def _():
    whole = client.generate("scripted", "Hello", keep_alive="10m")
    equal((whole.response, whole.done, whole.done_reason), (script.SAID, True, "stop"))
    equal(whole.eval_count, len(script.PIECES))
    for name in ["total_duration", "prompt_eval_count", "prompt_eval_duration", "eval_duration"]:
        assert getattr(whole, name) > 0, name
    assert len(whole.context) > whole.eval_count
    parts = list(client.generate("scripted", "Hello", stream=True))
    equal([part.response for part in parts], [*script.PIECES, ""])
    equal([part.done for part in parts], [False] * len(script.PIECES) + [True])
    assert all(part.model == "scripted" and part.created_at for part in parts)
    equal(parts[-1].eval_count, whole.eval_count)


@case("generate: raw, context, system and options")
def _():
    raw = client.generate("scripted", "<|forever|>", raw=True, options=greedy(num_predict=4))
    equal((raw.response, raw.done_reason), (2 * script.FOREVER, "length"))
    assert raw.context is None
    stopped = client.generate("scripted", "Hi", options=greedy(stop=[" sunny"], seed=1, top_k=5))
    equal((stopped.response, stopped.done_reason), ("It is", "stop"))
    first = client.generate("scripted", "Hi", system="Be kind.")
    again = client.generate("scripted", "And?", context=first.context)
    assert again.prompt_eval_count > first.prompt_eval_count
    raises(
        ResponseError,
        lambda: client.generate("scripted", "x", raw=True, system="y"),
        status_code=400,
        error="raw mode does not support template, system, or context",
    )
    wrong = raises(
        ResponseError,
        lambda: client.generate("scripted", "x", options={"num_predict": "many"}),
        status_code=400,
    )
    assert "num_predict" in wrong.error


@case("generate: suffix where the template has a place for it, and where not")
def _():
    equal(client.generate("insert", "a", suffix="b").response, script.TOLD)
    error = raises(
        ResponseError, lambda: client.generate("scripted", "a", suffix="b"), status_code=400
    )
    equal(error.error, '"scripted" does not support insert')


@case("generate and chat: images are refused")
def _():
    for call in [
        lambda: client.generate("scripted", "x", images=[PNG]),
        lambda: client.chat("scripted", [{"role": "user", "content": "x", "images": [PNG]}]),
    ]:
        assert "image" in raises(ResponseError, call, status_code=400).error


class Answer(BaseModel, extra="forbid"):
    answer: Literal["yes", "no"]
    sure: bool


@case("format: JSON, and the schema of a class")
def _():
    said = client.generate("scripted", "JSON, please", format="json", options=greedy())
    equal(json.loads(said.response), {"answer": "yes"})
    schema = Answer.model_json_schema()
    for model in ["scripted", "noise"]:
        options = greedy(num_predict=-1)
        said = client.chat(model, ask, format=schema, options=options).message.content
        Answer.model_validate_json(said)
        pieces = client.chat(model, ask, format=schema, options=options, stream=True)
        equal("".join(piece.message.content for piece in pieces), said)
    raises(
        ResponseError,
        lambda: client.chat("scripted", ask, format={"type": "nonsense"}),
        status_code=400,
    )


@case("chat: whole and streamed, and a conversation that goes on")
def _():
    whole = client.chat("scripted", ask)
    equal((whole.message.role, whole.message.content), ("assistant", script.SAID))
    assert whole.message.tool_calls is None and whole.message.thinking is None
    parts = list(client.chat("scripted", ask, stream=True))
    equal([part.message.content for part in parts], [*script.PIECES, ""])
    equal((parts[-1].done, parts[-1].done_reason), (True, "stop"))
    more = client.chat("scripted", [*ask, whole.message, {"role": "user", "content": "And now?"}])
    equal(more.message.content, script.SAID)
    assert more.prompt_eval_count > whole.prompt_eval_count


def weather(city: str) -> str:
    """Says the weather.

    Args:
      city: Of which city.

    Returns:
      str: The weather.
    """
    return f"Sun in {city}"


def calls_of(message):
    calls = message.tool_calls or []
    return [(call.function.name, dict(call.function.arguments)) for call in calls]


@case("chat: a Python function as a tool, called and answered")
def _():
    first = client.chat("scripted", ask, tools=[weather])
    equal(calls_of(first.message), [script.CALLED])
    equal((first.message.content, first.done_reason), ("", "stop"))
    result = weather(**first.message.tool_calls[0].function.arguments)
    told = {"role": "tool", "tool_name": "weather", "content": result}
    last = client.chat("scripted", [*ask, first.message, told], tools=[weather])
    equal(last.message.content, script.TOLD)


@case("chat: several tools at once, streamed")
def _():
    tools = [script.WEATHER, script.CLOCK]
    equal(calls_of(client.chat("scripted", ask, tools=tools).message), script.CALLED_BOTH)
    parts = list(client.chat("scripted", ask, tools=tools, stream=True))
    equal([call for part in parts for call in calls_of(part.message)], script.CALLED_BOTH)
    equal("".join(part.message.content for part in parts).strip(), "")
    assert all(part.message.tool_calls is None for part in parts if part.done)


@case("chat: thoughts stand apart")
def _():
    thought = client.chat("scripted", ask, think=True).message
    equal((thought.thinking, thought.content), (script.THOUGHT, script.THEN_SAID))
    parts = list(client.chat("scripted", ask, think="high", stream=True))
    equal("".join(part.message.thinking or "" for part in parts), script.THOUGHT)
    equal("".join(part.message.content for part in parts), script.THEN_SAID)
    said = client.generate("scripted", "Hi", think=True)
    equal((said.thinking, said.response), (script.THOUGHT, script.THEN_SAID))
    equal(client.chat("scripted", ask, think=False).message.content, script.SAID)
    error = raises(ResponseError, lambda: client.chat("noise", ask, think=True), status_code=400)
    equal(error.error, '"noise" does not support thinking')
    error = raises(
        ResponseError, lambda: client.chat("noise", ask, tools=[weather]), status_code=400
    )
    equal(error.error, '"noise" does not support tools')


@case("log-probabilities")
def _():
    options = greedy(num_predict=3)
    said = client.chat("noise", ask, logprobs=True, top_logprobs=2, options=options)
    equal(len(said.logprobs), 3)
    for entry in said.logprobs:
        equal(len(entry.top_logprobs), 2)
        equal(entry.logprob, entry.top_logprobs[0].logprob)
        assert entry.logprob < 0 and entry.token
    parts = client.generate("scripted", "Hi", logprobs=True, stream=True)
    tokens = [entry.token for part in parts for entry in part.logprobs or []]
    equal("".join(tokens[: len(script.PIECES)]), script.SAID)


def length(vector):
    return math.sqrt(sum(x * x for x in vector))


@case("embed and embeddings")
def _():
    both = client.embed("noise", ["red door", "small garden"])
    one, other = both.embeddings
    assert both.prompt_eval_count > 2 and abs(length(one) - 1) < 1e-5 and one != other
    equal(client.embed("noise", "red door").embeddings[0], one)
    short = client.embed("noise", "red door", dimensions=8).embeddings[0]
    assert len(short) == 8 and abs(length(short) - 1) < 1e-5
    plain = client.embeddings("noise", "red door").embedding
    assert max(abs(x / length(plain) - y) for x, y in zip(plain, one, strict=True)) < 1e-5
    equal(list(client.embed("noise", []).embeddings), [])
    long = 3000 * "word "
    raises(ResponseError, lambda: client.embed("noise", long, truncate=False), status_code=400)
    equal(len(client.embed("noise", long).embeddings[0]), len(one))


@case("keep_alive: a model stays, and leaves when told to")
def _():
    loaded = client.generate("scripted", keep_alive=-1)
    equal((loaded.response, loaded.done_reason), ("", "load"))
    assert "scripted:latest" in [model.model for model in client.ps().models]
    equal(client.chat("scripted", keep_alive=0).done_reason, "unload")
    assert "scripted:latest" not in [model.model for model in client.ps().models]


@case("copy and delete")
def _():
    equal(client.copy("scripted", "me/copy:v1").status, "success")
    equal(client.chat("me/copy:v1", ask).message.content, script.SAID)
    equal(client.delete("me/copy:v1").status, "success")
    for call in [
        lambda: client.show("me/copy:v1"),
        lambda: client.delete("me/copy:v1"),
        lambda: client.copy("me/copy:v1", "other"),
    ]:
        assert "not found" in raises(ResponseError, call, status_code=404).error


def check_progress(parts, first):
    statuses = [part.status for part in parts]
    equal((statuses[0], statuses[-1]), (first, "success"))
    moved = [part for part in parts if part.digest and part.total]
    assert any(part.completed == part.total for part in moved), statuses
    for digest in {part.digest for part in moved}:
        done = [part.completed or 0 for part in moved if part.digest == digest]
        equal(done, sorted(done))


@case("pull: from another server, with progress")
def _():
    mirror.create("library/far", script.FILE)
    name = f"{mirror.address}/library/far"
    check_progress(list(client.pull(name, insecure=True, stream=True)), "pulling manifest")
    equal(client.generate(name, "Hi").response, script.SAID)
    equal(client.pull(name, insecure=True).status, "success")
    missing = f"{mirror.address}/library/none"
    for call in [
        lambda: client.pull(missing, insecure=True),
        lambda: list(client.pull(missing, insecure=True, stream=True)),
    ]:
        error = raises(ResponseError, call).error
        assert "pull model manifest: file does not exist" in error, error


@case("push: to a registry, and back from it")
def _():
    name = f"{registry.address}/me/pushed:1"
    client.copy("scripted", name)
    digest = {model.model: model.digest for model in client.list().models}[name]
    check_progress(list(client.push(name, insecure=True, stream=True)), "retrieving manifest")
    client.delete(name)
    equal(client.pull(name, insecure=True).status, "success")
    equal({model.model: model.digest for model in client.list().models}[name], digest)
    equal(client.push(name, insecure=True).status, "success")
    refused = f"{mirror.address}/me/pushed:1"
    client.copy("scripted", refused)
    raises(ResponseError, lambda: client.push(refused, insecure=True))


@case("errors carry their status")
def _():
    for call, status, text in [
        (lambda: client.chat("none", ask), 404, "model 'none' not found"),
        (lambda: client.generate("none", "x"), 404, "model 'none' not found"),
        (lambda: list(client.chat("none", ask, stream=True)), 404, "model 'none' not found"),
        (lambda: client.embed("none", "x"), 404, 'model "none" not found, try pulling it first'),
        (lambda: client.chat("scripted", [{"role": "cook", "content": "x"}]), 400, "cook"),
        (lambda: client.pull("not a name"), 400, "invalid model name"),
    ]:
        error = raises(ResponseError, call, status_code=status)
        assert text in error.error, error


@case("the asynchronous client: several at once, and a stream that is left")
def _():
    async def body():
        many = ollama.AsyncClient(server.url)
        answers = await asyncio.gather(*[many.chat("scripted", ask) for _ in range(4)])
        equal([answer.message.content for answer in answers], 4 * [script.SAID])
        pieces = []
        endless = [{"role": "user", "content": "Go on forever"}]
        async for part in await many.chat("scripted", endless, stream=True):
            pieces.append(part.message.content)
            if len(pieces) == 20:
                break
        equal("".join(pieces), 10 * script.FOREVER)
        equal((await many.generate("scripted", "Hi")).response, script.SAID)
        try:
            await many.chat("none", ask)
            raise AssertionError("a model that is not there answered")
        except ResponseError as error:
            equal(error.status_code, 404)

    asyncio.run(body())


def after():
    for each in [server, mirror, registry]:
        each.close()


run(after)
