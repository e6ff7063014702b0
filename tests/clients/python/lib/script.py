"""What the scripted model says; `tests/src/script.rs` is where it is told to."""

FILE = "scripted.gguf"
SAID = "It is sunny in Bern."
PIECES = ["It", " is", " sunny", " in", " Bern", "."]
THOUGHT, THEN_SAID = "The sky looks clear.", "No rain."
CALLED = ("weather", {"city": "Bern"})
CALLED_BOTH = [("weather", {"city": "Rome"}), ("clock", {})]
TOLD = "The tool said so!"
JSON_TEXT = '{"answer": "yes"}'
FOREVER = " tick tock"

NOISE_FILE = "llama-tied.gguf"
"""A model of random weights: for vectors and probabilities that are not all alike."""

ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}, "sure": {"type": "boolean"}},
    "required": ["answer", "sure"],
    "additionalProperties": False,
}


def is_answer(value):
    """Whether a value has the form of the schema."""
    keys = sorted(value) == ["answer", "sure"]
    return keys and value["answer"] in ("yes", "no") and isinstance(value["sure"], bool)


def tool(name, **properties):
    """A tool in the form that Ollama's and OpenAI's chats share."""
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    about = {"name": name, "description": f"Says the {name}.", "parameters": parameters}
    return {"type": "function", "function": about}


CITY = {"type": "string", "enum": ["Bern", "Rome"], "description": "Of which city."}
"""Not any text: where a call is forced the script is left, and a text would not end."""
WEATHER = tool("weather", city=CITY)
CLOCK = tool("clock")
