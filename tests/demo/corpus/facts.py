"""Questions and answers about ingle, its commands, and GGUF.

A fact has what is asked about, in several words, and what is said. `HOW` facts are asked as
"How do I …?", `WHAT` facts as "What is …?".
"""

import random

HOW = [
    (
        ["download a model", "get a model", "pull a model", "fetch a model"],
        "Use ingle pull with the model's name, for example: ingle pull llama3.2:1b",
    ),
    (
        ["chat with a model", "start a chat", "run a model", "talk to a model"],
        "Use ingle run with the model's name, for example: ingle run llama3.2:1b",
    ),
    (
        ["list my models", "see my models", "show all models"],
        "Use ingle list. It shows name, size and age of every model you have.",
    ),
    (
        ["delete a model", "remove a model", "get rid of a model"],
        "Use ingle rm with the model's name. Files that other models need are kept.",
    ),
    (
        ["start the server", "run a server", "serve models"],
        "Use ingle serve. It listens on this computer only, on port 11434.",
    ),
    (
        ["stop a model", "free the memory", "unload a model"],
        "Use ingle stop with the model's name. Its memory is free at once.",
    ),
    (
        ["see what is running", "list running models", "see loaded models"],
        "Use ingle ps. It shows the models that are in memory.",
    ),
    (
        ["copy a model", "give a model a second name"],
        "Use ingle cp with the old and the new name. The weights are stored only once.",
    ),
    (
        ["make my own model", "create a model", "change a system prompt for good"],
        "Write a Modelfile and use ingle create with a name and the file.",
    ),
    (
        ["check a model", "verify a model", "test if a file is damaged"],
        "Use ingle verify. It reads every byte again and compares the digests.",
    ),
    (
        ["save a model to a file", "move a model to another computer", "export a model"],
        "Use ingle save on one computer and ingle load on the other.",
    ),
    (
        ["measure the speed", "test my graphics card", "benchmark a model"],
        "Use ingle bench. It measures reading and writing in tokens per second.",
    ),
    (
        ["make a model smaller", "quantize a model", "shrink a model"],
        "Use ingle quantize with the file and a type, for example Q4_K_M.",
    ),
    (
        ["see details of a model", "look into a model", "inspect a model"],
        "Use ingle show with the model's name or file.",
    ),
    (
        ["find out what is wrong", "check my computer", "test the graphics chip"],
        "Use ingle doctor. It compares the graphics chip's numbers with the processor's.",
    ),
    (
        ["push a model", "upload a model", "publish a model"],
        "Use ingle push with a name that says where it goes.",
    ),
    (["leave the chat", "end the conversation", "quit ingle"], "Type /bye, or press Ctrl and D."),
    (
        ["stop an answer", "interrupt the answer", "cancel an answer"],
        "Press Ctrl and C, or the stop button in the page. What was written stays.",
    ),
    (
        ["use it offline", "use ingle without internet", "work without a network"],
        "Load a model once. After that everything works without a network.",
    ),
    (
        ["put a chat on my page", "embed a chat", "add the widget"],
        "Add the ingle-chat element to the page. One script tag is enough.",
    ),
    (
        ["use a local file", "open a GGUF file", "load my own file"],
        "Give ingle run the path of the file, or drop the file on the page.",
    ),
    (
        ["make answers less random", "get exact answers", "lower the creativity"],
        "Lower the temperature. At 0 the most likely word is always taken.",
    ),
    (
        ["get JSON", "force JSON", "get structured output"],
        "Ask for the format json, or give a JSON schema. The answer then always fits.",
    ),
]

WHAT = [
    (
        ["ingle"],
        "ingle runs language models in GGUF files on your own device: in a browser tab or as a "
        "program. Nothing you write leaves it.",
    ),
    (
        ["GGUF", "a GGUF file"],
        "GGUF is a file format for language models. One file holds the weights, the vocabulary and "
        "the settings.",
    ),
    (
        ["a language model", "an LLM"],
        "A language model is a program that predicts the next piece of a text, again and again.",
    ),
    (
        ["a token"],
        "A token is a piece of text: a word, a part of a word or a sign. Models read and "
        "write tokens.",
    ),
    (
        ["quantization", "a quantized model"],
        "Quantization stores weights in fewer bits. The file gets smaller and faster, and a little "
        "less exact.",
    ),
    (
        ["Q4_K_M"],
        "Q4_K_M is a kind of quantization with about 5 bits per weight: small, and good enough for "
        "most uses.",
    ),
    (
        ["Q8_0"],
        "Q8_0 stores weights in 8 bits each. It is nearly as good as the original and half "
        "its size.",
    ),
    (
        ["the context", "a context window", "context length"],
        "The context is how many tokens a model can see at once: your messages and its answers.",
    ),
    (
        ["WebGPU"],
        "WebGPU lets a web page compute on the graphics chip. ingle uses it where there is one.",
    ),
    (
        ["WebAssembly"],
        "WebAssembly is fast code for web pages. ingle uses it when there is no graphics chip.",
    ),
    (
        ["a Modelfile"],
        "A Modelfile says how a model is made: where it comes from, its system prompt, its "
        "parameters.",
    ),
    (
        ["a chat template", "a template"],
        "A template turns a conversation into the text that the model was trained on.",
    ),
    (
        ["temperature", "the temperature"],
        "Temperature says how daring the choice of words is. 0 is exact, 1 is varied.",
    ),
    (
        ["a system prompt"],
        "A system prompt tells the model how to behave before the conversation begins.",
    ),
    (
        ["the KV cache", "a KV cache"],
        "The KV cache keeps what the model has read, so that it need not read it again.",
    ),
    (
        ["a seed"],
        "A seed fixes the chances. The same seed and the same question give the same answer.",
    ),
    (
        ["Ollama"],
        "Ollama is another program for local models. ingle speaks its language, so its "
        "clients work "
        "here too.",
    ),
    (["llama.cpp"], "llama.cpp is a program for local models in C++. It made the GGUF format."),
    (["perplexity"], "Perplexity says how surprised a model is by a text. Lower is better."),
    (
        ["an embedding", "embeddings"],
        "An embedding is a list of numbers for a text. Texts with a similar meaning have similar "
        "numbers.",
    ),
    (
        ["the demo model"],
        "The demo model is me: a few million weights, trained on texts the ingle project wrote.",
    ),
    (
        ["the store", "the model store"],
        "The store is a folder with all models. Equal files are kept only once.",
    ),
]

WHETHER = [
    (
        [
            "Is ingle free?",
            "Does ingle cost money?",
            "What does ingle cost?",
            "Is it free?",
            "What is the license?",
            "Must I pay for ingle?",
            "Is ingle open source?",
            "How much is ingle?",
        ],
        "ingle is free and open. Its license is MIT or Apache 2.0.",
    ),
    (
        [
            "Is ingle private?",
            "Does ingle send my data somewhere?",
            "Who can see my chats?",
            "Is my data safe with ingle?",
            "Are my chats private?",
            "Does ingle spy on me?",
        ],
        "Everything runs on your device. Your messages are sent to nobody.",
    ),
    (
        [
            "Do I need a graphics card?",
            "Does it work without a GPU?",
            "Is a GPU needed?",
            "Can it run on a processor?",
            "Does ingle need a GPU?",
            "Does it work on old computers?",
        ],
        "No. Without a graphics chip the processor does the work, more slowly.",
    ),
    (
        [
            "Which browsers work?",
            "Does it work in Firefox?",
            "Does it work in Safari?",
            "Which browser do I need?",
            "Does it run in Chrome?",
            "What browser should I use?",
        ],
        "Chrome, Edge, Firefox and Safari work. Those with WebGPU are the fastest.",
    ),
    (
        [
            "Which model should I use?",
            "What model is good?",
            "Can you recommend a model?",
            "What is the best model?",
            "Which model is best for me?",
            "Which model should I load?",
        ],
        "Take one whose file is at most half as large as your memory, in the type Q4_K_M.",
    ),
    (
        [
            "How much memory do I need?",
            "How much RAM does a model need?",
            "Is my memory enough?",
            "How much memory does a model take?",
            "How much RAM do I need?",
        ],
        "A little more than the size of its file: a model of 2 GB needs about 3 GB.",
    ),
    (
        [
            "Which port does ingle use?",
            "On which port is the server?",
            "What is the port?",
            "Where does the server listen?",
            "What is the address of the server?",
        ],
        "The server listens on port 11434, on this computer only.",
    ),
    (
        [
            "Which languages is ingle written in?",
            "What is ingle made with?",
            "Is ingle written in Rust?",
            "How is ingle made?",
            "What language is ingle written in?",
        ],
        "ingle is written in Rust and WGSL, with a little TypeScript for the page.",
    ),
    (
        [
            "Does it work offline?",
            "Do I need the internet?",
            "Does ingle work offline?",
            "Can I use it without internet?",
            "Does it need a network?",
            "Is the internet needed?",
        ],
        "After a model is loaded no network is needed.",
    ),
    (
        [
            "Can I use OpenAI clients?",
            "Does ingle have an API?",
            "Is there an API?",
            "Can programs talk to ingle?",
            "Does it work with Ollama clients?",
            "How do I use the API?",
        ],
        "Yes. ingle serve answers the interfaces of Ollama and OpenAI.",
    ),
    (
        [
            "Why are answers slow?",
            "Why is it so slow?",
            "It is slow.",
            "How can it be faster?",
            "Why does it take so long?",
            "Can I make it faster?",
        ],
        "The model may be too large for your device. Try a smaller one, or run ingle doctor.",
    ),
    (
        [
            "Where are models stored?",
            "Where are my models?",
            "Where does ingle keep models?",
            "In which folder are the models?",
            "Where do the files go?",
        ],
        "In the store, a folder in your home; in a browser, in its private storage.",
    ),
]

ASK_HOW = [
    "How do I {x}?",
    "How can I {x}?",
    "I want to {x}.",
    "How to {x}?",
    "What must I do to {x}?",
    "Which command do I need to {x}?",
]
ASK_WHAT = [
    "What is {x}?",
    "What does {x} mean?",
    "Explain {x}.",
    "Tell me about {x}.",
    "What's {x}?",
    "Can you explain {x}?",
    "Do you know what {x} is?",
]


def example(rng: random.Random) -> tuple[str, str]:
    asks, facts = rng.choice(
        [(ASK_HOW, HOW), (ASK_HOW, HOW), (ASK_WHAT, WHAT), (ASK_WHAT, WHAT), (["{x}"], WHETHER)]
    )
    names, answer = rng.choice(facts)
    return rng.choice(asks).format(x=rng.choice(names)), answer
