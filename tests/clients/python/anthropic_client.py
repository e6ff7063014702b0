"""Anthropic's Python SDK, unmodified, against `/v1/messages` of a real server."""

import anthropic
from anthropic import Anthropic

from lib import script
from lib.report import case, equal, raises, run
from lib.server import Server

server = Server()
server.create("scripted", script.FILE)
# No strict check: the SDK's types name fields that only Anthropic's service has.
client = Anthropic(base_url=server.url, api_key="any", max_retries=0)
ask = {"max_tokens": 100, "messages": [{"role": "user", "content": "How is the weather?"}]}


def tool(described):
    """A tool of OpenAI's form in Anthropic's."""
    about = described["function"]
    name, description, schema = about["name"], about["description"], about["parameters"]
    return {"name": name, "description": description, "input_schema": schema}


@case("a message: whole")
def _():
    said = client.messages.create(model="scripted", system="Be brief.", **ask)
    equal((said.type, said.role, said.stop_reason), ("message", "assistant", "end_turn"))
    equal([block.text for block in said.content], [script.SAID])
    equal(said.usage.output_tokens, len(script.PIECES))
    assert said.usage.input_tokens > 0
    stopped = client.messages.create(model="scripted", stop_sequences=[" sunny"], **ask)
    equal((stopped.stop_reason, stopped.stop_sequence), ("stop_sequence", " sunny"))
    endless = {"max_tokens": 4, "messages": [{"role": "user", "content": "Go on forever"}]}
    equal(client.messages.create(model="scripted", **endless).stop_reason, "max_tokens")


@case("a message: streamed")
def _():
    with client.messages.stream(model="scripted", **ask) as stream:
        equal(list(stream.text_stream), script.PIECES)
        final = stream.get_final_message()
    equal((final.content[0].text, final.stop_reason), (script.SAID, "end_turn"))
    equal(final.usage.output_tokens, len(script.PIECES))
    events = [event.type for event in client.messages.create(model="scripted", stream=True, **ask)]
    equal((events[0], events[-2:]), ("message_start", ["message_delta", "message_stop"]))


@case("tools: called, answered, streamed, chosen")
def _():
    tools = [tool(script.WEATHER)]
    first = client.messages.create(model="scripted", tools=tools, **ask)
    call = first.content[0]
    equal((first.stop_reason, call.type), ("tool_use", "tool_use"))
    equal((call.name, call.input), script.CALLED)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sun"}
    messages = [
        *ask["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    last = client.messages.create(model="scripted", max_tokens=50, messages=messages, tools=tools)
    equal(last.content[0].text, script.TOLD)
    both = [tool(script.WEATHER), tool(script.CLOCK)]
    with client.messages.stream(model="scripted", tools=both, **ask) as stream:
        final = stream.get_final_message()
    called = [(block.name, block.input) for block in final.content if block.type == "tool_use"]
    equal(called, script.CALLED_BOTH)
    choice = {"type": "tool", "name": "weather"}
    held = client.messages.create(model="scripted", tools=both, tool_choice=choice, **ask)
    equal([block.name for block in held.content], ["weather"])


@case("thoughts are blocks of their own")
def _():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    asked = {**ask, "max_tokens": 2048}
    said = client.messages.create(model="scripted", thinking=thinking, **asked)
    equal([block.type for block in said.content], ["thinking", "text"])
    equal((said.content[0].thinking, said.content[1].text), (script.THOUGHT, script.THEN_SAID))
    with client.messages.stream(model="scripted", thinking=thinking, **asked) as stream:
        final = stream.get_final_message()
    equal([block.type for block in final.content], ["thinking", "text"])


@case("errors are the SDK's own")
def _():
    missing = raises(
        anthropic.NotFoundError, lambda: client.messages.create(model="none", **ask)
    )
    equal((missing.status_code, missing.body["error"]["type"]), (404, "not_found_error"))
    nothing = {"max_tokens": 10, "messages": []}
    raises(
        anthropic.BadRequestError,
        lambda: client.messages.create(model="scripted", **nothing),
        status_code=400,
    )


run(server.close)
