"""LangChain over both interfaces: what its users build on must run to the end."""

import asyncio

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from typing import Literal

from lib import script
from lib.report import case, equal, run
from lib.server import Server

server = Server()
server.create("scripted", script.FILE)
server.create("noise", script.NOISE_FILE)
openai = {"base_url": f"{server.url}/v1", "api_key": "any", "max_retries": 0}


class Answer(BaseModel, extra="forbid"):
    """What is answered, and nothing else: a model without sense would go on."""

    answer: Literal["yes", "no"]
    sure: bool


@tool
def weather(city: str) -> str:
    """Says the weather."""
    return f"Sun in {city}"


@tool
def clock() -> str:
    """Says the time."""
    return "Noon"


def ollama_chat(**more):
    return ChatOllama(model="scripted", base_url=server.url, **more)


def openai_chat(**more):
    return ChatOpenAI(model="scripted", **openai, **more)


def both(name):
    """A case for each of the two chat models."""

    def add(body):
        for kind, make in [("ChatOllama", ollama_chat), ("ChatOpenAI", openai_chat)]:
            case(f"{kind}: {name}")(lambda make=make: body(make))
        return body

    return add


@both("invoke, with what it counted")
def _(make):
    said = make().invoke([SystemMessage("Be brief."), HumanMessage("How is the weather?")])
    equal(said.content, script.SAID)
    usage = said.usage_metadata
    equal(usage["output_tokens"], len(script.PIECES))
    equal(usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"])


@both("stream, batch and a chain")
def _(make):
    chunks = list(make().stream("Hello"))
    equal("".join(chunk.content for chunk in chunks), script.SAID)
    assert len([chunk for chunk in chunks if chunk.content]) == len(script.PIECES)
    equal([said.content for said in make().batch(["a", "b"])], 2 * [script.SAID])
    prompt = ChatPromptTemplate([("system", "Be {how}."), ("human", "{text}")])
    chain = prompt | make() | StrOutputParser()
    equal(chain.invoke({"how": "kind", "text": "Hello"}), script.SAID)


@both("asynchronous")
def _(make):
    async def body():
        equal((await make().ainvoke("Hello")).content, script.SAID)
        pieces = [chunk.content async for chunk in make().astream("Hello")]
        equal("".join(pieces), script.SAID)

    asyncio.run(body())


def calls_of(message):
    return [(call["name"], call["args"]) for call in message.tool_calls]


@both("tools are bound, called and answered")
def _(make):
    model = make().bind_tools([weather])
    asked = HumanMessage("How is the weather?")
    first = model.invoke([asked])
    equal(calls_of(first), [script.CALLED])
    told = weather.invoke(first.tool_calls[0])
    assert isinstance(told, ToolMessage)
    equal(model.invoke([asked, first, told]).content, script.TOLD)


@both("tools, streamed")
def _(make):
    whole = None
    for chunk in make().bind_tools([weather, clock]).stream("How is the weather?"):
        whole = chunk if whole is None else whole + chunk
    equal(calls_of(whole), script.CALLED_BOTH)


@both("structured output, by a schema")
def _(make):
    structured = make().with_structured_output(Answer, method="json_schema")
    assert isinstance(structured.invoke("Is it sunny?"), Answer)


@case("ChatOpenAI: structured output, by a call that must be made")
def _():
    model = openai_chat().with_structured_output(Answer, method="function_calling")
    assert isinstance(model.invoke("Is it sunny?"), Answer)


@case("ChatOpenAI: over the responses interface")
def _():
    said = openai_chat(use_responses_api=True).invoke("Hello")
    equal(said.text, script.SAID)
    model = openai_chat(use_responses_api=True).bind_tools([weather])
    equal(calls_of(model.invoke("How is the weather?")), [script.CALLED])


@case("ChatOpenAI: log-probabilities")
def _():
    said = openai_chat(logprobs=True, top_logprobs=2).invoke("Hello")
    tokens = said.response_metadata["logprobs"]["content"]
    equal("".join(token["token"] for token in tokens[: len(script.PIECES)]), script.SAID)


@case("ChatOllama: thoughts")
def _():
    said = ollama_chat(reasoning=True).invoke("Hello")
    equal(said.content, script.THEN_SAID)
    equal(said.additional_kwargs["reasoning_content"], script.THOUGHT)


@case("ChatOllama: JSON, options and stop strings")
def _():
    model = ollama_chat(format="json", temperature=0, num_predict=20)
    equal(model.invoke("JSON, please").content.replace(" ", ""), '{"answer":"yes"}')
    equal(ollama_chat(stop=[" sunny"]).invoke("Hello").content, "It is")


@case("OllamaLLM: text")
def _():
    model = OllamaLLM(model="scripted", base_url=server.url)
    equal(model.invoke("Hello"), script.SAID)
    equal("".join(model.stream("Hello")), script.SAID)


@case("OllamaEmbeddings and OpenAIEmbeddings agree")
def _():
    texts = ["red door", "small garden"]
    ours = OllamaEmbeddings(model="noise", base_url=server.url)
    # Without this the text is cut into the tokens of OpenAI's models.
    theirs = OpenAIEmbeddings(model="noise", check_embedding_ctx_length=False, **openai)
    one, other = ours.embed_documents(texts), theirs.embed_documents(texts)
    for x, y in zip(one, other, strict=True):
        assert max(abs(a - b) for a, b in zip(x, y, strict=True)) < 1e-6
    equal(ours.embed_query(texts[0]), one[0])


run(server.close)
