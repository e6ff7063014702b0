"""OpenAI's Python SDK, unmodified, against a real server. Answers are checked against the SDK's own
types, strictly, wherever OpenAI's servers keep to them."""

import json
import math

import openai
from openai import OpenAI
from pydantic import BaseModel
from typing import Literal

from lib import script
from lib.report import case, equal, raises, run
from lib.server import Server

server = Server()
server.create("scripted", script.FILE)
server.create("noise", script.NOISE_FILE)
strict = {"base_url": f"{server.url}/v1", "api_key": "any", "max_retries": 0}
client = OpenAI(_strict_response_validation=True, **strict)
lenient = OpenAI(**strict)
chat = client.chat.completions
ask = [{"role": "user", "content": "How is the weather?"}]


class Answer(BaseModel):
    answer: Literal["yes", "no"]
    sure: bool


def calls_of(message):
    calls = message.tool_calls or []
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


@case("chat: whole")
def _():
    said = chat.create(model="scripted", messages=ask)
    equal((said.object, said.model), ("chat.completion", "scripted"))
    choice = said.choices[0]
    equal((choice.message.role, choice.message.content), ("assistant", script.SAID))
    equal((choice.finish_reason, choice.index), ("stop", 0))
    usage = said.usage
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    equal(usage.completion_tokens, len(script.PIECES))
    parts = [{"type": "text", "text": "How is"}, {"type": "text", "text": "the weather?"}]
    system = {"role": "developer", "content": "Be brief."}
    said = chat.create(model="scripted", messages=[system, {"role": "user", "content": parts}])
    equal(said.choices[0].message.content, script.SAID)


@case("chat: streamed, with and without usage")
def _():
    chunks = list(chat.create(model="scripted", messages=ask, stream=True))
    equal("".join(chunk.choices[0].delta.content for chunk in chunks), script.SAID)
    equal([chunk.choices[0].delta.role for chunk in chunks[:2]], ["assistant", None])
    equal(chunks[-1].choices[0].finish_reason, "stop")
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks[:-1])
    equal(len({chunk.id for chunk in chunks}), 1)
    assert all(chunk.usage is None for chunk in chunks)
    options = {"include_usage": True}
    chunks = list(chat.create(model="scripted", messages=ask, stream=True, stream_options=options))
    equal(chunks[-1].choices, [])
    equal(chunks[-1].usage.completion_tokens, len(script.PIECES))
    assert chunks[-1].usage.prompt_tokens > 0


@case("chat: the SDK's own stream helper")
def _():
    with chat.stream(model="scripted", messages=ask) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    equal(final.choices[0].message.content, script.SAID)
    equal(kinds[-1], "content.done")


@case("chat: limits, stop strings, several answers")
def _():
    endless = [{"role": "user", "content": "Go on forever"}]
    said = chat.create(model="scripted", messages=endless, max_completion_tokens=4)
    equal(said.choices[0].message.content, 2 * script.FOREVER)
    equal((said.choices[0].finish_reason, said.usage.completion_tokens), ("length", 4))
    said = chat.create(model="scripted", messages=ask, stop=[" sunny", " rainy"], n=2)
    equal([choice.message.content for choice in said.choices], 2 * ["It is"])
    equal([choice.index for choice in said.choices], [0, 1])


@case("chat: a tool, called and answered")
def _():
    tools = [script.WEATHER]
    first = chat.create(model="scripted", messages=ask, tools=tools).choices[0]
    equal(calls_of(first.message), [script.CALLED])
    equal(first.finish_reason, "tool_calls")
    told = {
        "role": "tool",
        "tool_call_id": first.message.tool_calls[0].id,
        "content": "Sun",
    }
    messages = [*ask, first.message, told]
    last = chat.create(model="scripted", messages=messages, tools=tools).choices[0]
    equal((last.message.content, last.finish_reason), (script.TOLD, "stop"))


@case("chat: tools, streamed")
def _():
    tools = [script.WEATHER, script.CLOCK]
    chunks = list(chat.create(model="scripted", messages=ask, tools=tools, stream=True))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    equal([call.index for call in deltas], [0, 1])
    equal(len({call.id for call in deltas}), 2)
    called = [(call.function.name, json.loads(call.function.arguments)) for call in deltas]
    equal(called, script.CALLED_BOTH)
    equal(chunks[-1].choices[0].finish_reason, "tool_calls")
    with chat.stream(model="scripted", messages=ask, tools=tools) as stream:
        final = stream.get_final_completion()
    equal(calls_of(final.choices[0].message), script.CALLED_BOTH)


@case("chat: tool_choice holds the model to a call, or keeps it from one")
def _():
    tools = [script.WEATHER, script.CLOCK]
    free = chat.create(model="scripted", messages=ask, tools=tools, tool_choice="none")
    equal(free.choices[0].message.content, script.SAID)
    named = {"type": "function", "function": {"name": "weather"}}
    # Which of the two a required call is of, is drawn: the script has left its path by then.
    for choice, may in [("required", {"weather", "clock"}), (named, {"weather"})]:
        said = chat.create(model="scripted", messages=ask, tools=tools, tool_choice=choice)
        [(name, arguments)] = calls_of(said.choices[0].message)
        assert name in may, name
        equal(said.choices[0].finish_reason, "tool_calls")
        assert arguments == {} if name == "clock" else arguments["city"] in ("Bern", "Rome")
    raises(
        openai.BadRequestError,
        lambda: chat.create(model="scripted", messages=ask, tool_choice="required"),
        status_code=400,
    )


@case("chat: response_format, as a schema and as a class")
def _():
    form = {"name": "answer", "strict": True, "schema": script.ANSWER_SCHEMA}
    format = {"type": "json_schema", "json_schema": form}
    for model in ["scripted", "noise"]:
        said = chat.create(model=model, messages=ask, response_format=format)
        assert script.is_answer(json.loads(said.choices[0].message.content))
        parsed = chat.parse(model=model, messages=ask, response_format=Answer)
        assert isinstance(parsed.choices[0].message.parsed, Answer)
    wants_json = [{"role": "user", "content": "JSON, please"}]
    said = chat.create(
        model="scripted", messages=wants_json, response_format={"type": "json_object"}
    )
    equal(json.loads(said.choices[0].message.content), {"answer": "yes"})


@case("chat: log-probabilities, whole and streamed")
def _():
    about = {"model": "noise", "messages": ask, "max_tokens": 3, "temperature": 0}
    # Then the prompt is in the cache for both: a row alone is rounded otherwise than a chunk, and
    # whether the drawn answers before have pushed it out is chance.
    equal(chat.create(**about).choices[0].logprobs, None)
    said = chat.create(logprobs=True, top_logprobs=4, **about).choices[0]
    tokens = said.logprobs.content
    equal(len(tokens), 3)
    for token in tokens:
        equal(len(token.top_logprobs), 4)
        equal(token.logprob, max(top.logprob for top in token.top_logprobs))
        assert sum(math.exp(top.logprob) for top in token.top_logprobs) < 1
    text = b"".join(bytes(token.bytes) for token in tokens).decode(errors="replace")
    equal(text, said.message.content)
    chunks = chat.create(logprobs=True, top_logprobs=4, stream=True, **about)
    parts = [part for chunk in chunks for part in [chunk.choices[0].logprobs] if part]
    streamed = [(token.token, token.logprob) for part in parts for token in part.content]
    equal(streamed, [(token.token, token.logprob) for token in tokens])


@case("chat: reasoning_effort, and where no model thinks")
def _():
    said = chat.create(model="scripted", messages=ask, reasoning_effort="high").choices[0]
    equal((said.message.content, said.message.reasoning), (script.THEN_SAID, script.THOUGHT))
    said = chat.create(model="scripted", messages=ask, reasoning_effort="none").choices[0]
    equal(said.message.content, script.SAID)
    raises(
        openai.BadRequestError,
        lambda: chat.create(model="noise", messages=ask, reasoning_effort="high"),
        status_code=400,
    )


@case("completions: text, whole and streamed")
def _():
    said = client.completions.create(model="scripted", prompt="<|say|>", max_tokens=20)
    equal((said.choices[0].text, said.choices[0].finish_reason), (script.SAID, "stop"))
    equal(said.object, "text_completion")
    prompts = ["<|say|>", "<|told|>"]
    said = client.completions.create(model="scripted", prompt=prompts, max_tokens=20)
    equal([choice.text for choice in said.choices], [script.SAID, script.TOLD])
    options = {"include_usage": True}
    chunks = list(
        lenient.completions.create(
            model="scripted", prompt="<|say|>", stream=True, stream_options=options
        )
    )
    equal("".join(part.choices[0].text for part in chunks[:-1]), script.SAID)
    equal((chunks[-1].choices, chunks[-1].usage.completion_tokens), ([], len(script.PIECES)))


@case("completions: echo and logprobs score a text")
def _():
    text = "The house at the end of the lane"
    scored = client.completions.create(
        model="noise", prompt=text, echo=True, logprobs=2, max_tokens=0, temperature=0
    )
    choice = scored.choices[0]
    lists = choice.logprobs
    equal((choice.text, "".join(lists.tokens)), (text, text))
    n = len(lists.tokens)
    equal([len(lists.token_logprobs), len(lists.top_logprobs), len(lists.text_offset)], [n, n, n])
    equal(lists.text_offset[:2], [0, len(lists.tokens[0])])
    # Behind the token that begins a sequence the first one of the text has a probability, too.
    assert all(x < 0 for x in lists.token_logprobs)
    more = client.completions.create(
        model="noise", prompt=text, echo=True, logprobs=2, max_tokens=1, temperature=0
    ).choices[0]
    assert more.text.startswith(text)
    equal(more.logprobs.tokens[:-1], lists.tokens)
    equal(more.logprobs.token_logprobs[:-1], lists.token_logprobs)
    equal(more.logprobs.token_logprobs[-1], max(more.logprobs.top_logprobs[-1].values()))


@case("completions: an answer that is only the end is a token with a probability too")
def _():
    # Harnesses ask for one token behind the text and cut its entry off again.
    about = {"model": "scripted", "echo": True, "logprobs": 1, "temperature": 0}
    text = "Yes<|told|>The tool said so!"
    none = lenient.completions.create(prompt=text, max_tokens=0, **about).choices[0]
    one = lenient.completions.create(prompt=text, max_tokens=1, **about).choices[0]
    equal((one.text, one.finish_reason), (none.text, "stop"))
    equal(len(one.logprobs.tokens), len(none.logprobs.tokens) + 1)
    equal(one.logprobs.token_logprobs[:-1], none.logprobs.token_logprobs)


@case("embeddings: float and base64")
def _():
    texts = ["red door", "small garden"]
    floats = client.embeddings.create(model="noise", input=texts, encoding_format="float")
    # The SDK asks for base64 by itself, and unpacks it behind the check of its types.
    packed = lenient.embeddings.create(model="noise", input=texts)
    equal([item.index for item in floats.data], [0, 1])
    for one, other in zip(floats.data, packed.data, strict=True):
        assert max(abs(x - y) for x, y in zip(one.embedding, other.embedding, strict=True)) < 1e-6
        assert abs(sum(x * x for x in one.embedding) - 1) < 1e-5
    assert floats.usage.prompt_tokens == floats.usage.total_tokens > 2
    short = lenient.embeddings.create(model="noise", input="red door", dimensions=8)
    equal(len(short.data[0].embedding), 8)


@case("models: listed and retrieved")
def _():
    models = {model.id: model for model in client.models.list()}
    equal(sorted(models), ["noise:latest", "scripted:latest"])
    one = client.models.retrieve("noise:latest")
    equal((one.id, one.object, one.owned_by), ("noise:latest", "model", "library"))
    equal(one.created, models["noise:latest"].created)
    server.ask("/api/copy", {"source": "noise", "destination": "me/far:v1"})
    equal(client.models.retrieve("me/far:v1").owned_by, "me")
    server.ask("/api/delete", {"model": "me/far:v1"}, method="DELETE")
    raises(openai.NotFoundError, lambda: client.models.retrieve("me/far:v1"), status_code=404)


@case("responses: whole, with instructions and items")
def _():
    said = client.responses.create(model="scripted", input="Hello", instructions="Be brief.")
    equal((said.output_text, said.status, said.object), (script.SAID, "completed", "response"))
    equal(said.usage.output_tokens, len(script.PIECES))
    history = [*ask, *said.output, {"role": "user", "content": "And now?"}]
    equal(client.responses.create(model="scripted", input=history).output_text, script.SAID)
    cut = client.responses.create(model="scripted", input="Go on forever", max_output_tokens=16)
    equal((cut.status, cut.incomplete_details.reason), ("incomplete", "max_output_tokens"))


@case("responses: streamed")
def _():
    events = list(client.responses.create(model="scripted", input="Hello", stream=True))
    equal([event.sequence_number for event in events], list(range(len(events))))
    equal((events[0].type, events[-1].type), ("response.created", "response.completed"))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    equal("".join(deltas), script.SAID)
    equal(events[-1].response.output_text, script.SAID)
    with client.responses.stream(model="scripted", input="Hello") as stream:
        equal(stream.get_final_response().output_text, script.SAID)


@case("responses: tools, thoughts and a schema")
def _():
    weather = {"type": "function", "strict": True, **script.WEATHER["function"]}
    first = client.responses.create(model="scripted", input=ask, tools=[weather])
    call = first.output[0]
    equal((call.type, call.name, json.loads(call.arguments)), ("function_call", *script.CALLED))
    told = {"type": "function_call_output", "call_id": call.call_id, "output": "Sun"}
    history = [*ask, call, told]
    last = client.responses.create(model="scripted", input=history, tools=[weather])
    equal(last.output_text, script.TOLD)
    thought = client.responses.create(
        model="scripted", input="Hello", reasoning={"effort": "high"}
    )
    equal([item.type for item in thought.output], ["reasoning", "message"])
    equal(thought.output[0].summary[0].text, script.THOUGHT)
    parsed = client.responses.parse(model="noise", input="Hello", text_format=Answer)
    assert isinstance(parsed.output_parsed, Answer)
    raises(
        openai.BadRequestError,
        lambda: client.responses.create(model="noise", input="x", previous_response_id="resp_1"),
        status_code=400,
    )


@case("errors are the SDK's own")
def _():
    missing = raises(
        openai.NotFoundError, lambda: chat.create(model="none", messages=ask), status_code=404
    )
    assert "model 'none' not found" in missing.message
    equal(missing.body["type"], "not_found_error")
    raises(
        openai.NotFoundError, lambda: client.embeddings.create(model="none", input="x")
    )
    raises(openai.NotFoundError, lambda: client.completions.create(model="none", prompt="x"))
    raises(openai.NotFoundError, lambda: chat.create(model="none", messages=ask, stream=True))
    wrong = raises(openai.BadRequestError, lambda: chat.create(model="scripted", messages=[]))
    equal((wrong.status_code, wrong.body["type"]), (400, "invalid_request_error"))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    refused = raises(
        openai.BadRequestError,
        lambda: chat.create(model="scripted", messages=[{"role": "user", "content": [image]}]),
    )
    assert "image" in refused.message
    guarded = Server(INGLE_TOKEN="secret")
    try:
        base = {"base_url": f"{guarded.url}/v1", "max_retries": 0}
        stranger = OpenAI(api_key="wrong", **base)
        raises(openai.AuthenticationError, lambda: stranger.models.list(), status_code=401)
        equal(list(OpenAI(api_key="secret", **base).models.list()), [])
    finally:
        guarded.close()


run(server.close)
