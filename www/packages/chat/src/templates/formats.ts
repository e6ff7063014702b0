/**
 * The formats in which models were taught to talk, for those whose file brings no template or a
 * wrong one. They are written as templates in Jinja, as files have them, so that a chosen one is
 * the model's own from then on: in the store, for the API, and in a copy. The tokens are the
 * models' public interface; the forms follow their makers' documentation.
 */

export interface Format {
  readonly id: string;
  /** For a person: what models of this kind are called. */
  readonly name: string;
  readonly template: string;
  /** Texts that end an answer where the model has no token for it. */
  readonly stop: readonly string[];
}

/** Turns with a head and an end each; `answer` opens the place where the model writes. */
function turns(head: string, end: string, answer: string): string {
  return (
    `{% for m in messages %}{{ ${head} + (m['content'] | trim) + ${end} }}{% endfor %}` +
    `{% if add_generation_prompt %}{{ ${answer} }}{% endif %}`
  );
}

/** Formats without a place for instructions: they go before the next question. */
function paired(question: string, answer: string, open: string): string {
  return (
    "{% set ns = namespace(told='') %}{% for m in messages %}{% set text = m['content'] | trim %}" +
    "{% if m['role'] == 'system' %}{% set ns.told = ns.told + text + '\\n\\n' %}" +
    `{% elif m['role'] == 'assistant' %}{{ ${answer} }}` +
    `{% else %}{% set text = ns.told + text %}{% set ns.told = '' %}{{ ${question} }}{% endif %}` +
    `{% endfor %}${open}`
  );
}

export const FORMATS: readonly Format[] = [
  {
    id: "chatml",
    name: "ChatML (Qwen, SmolLM, Hermes)",
    template: turns(
      "'<|im_start|>' + m['role'] + '\\n'",
      "'<|im_end|>\\n'",
      "'<|im_start|>assistant\\n'",
    ),
    stop: ["<|im_end|>", "<|im_start|>"],
  },
  {
    id: "llama3",
    name: "Llama 3",
    template: turns(
      "'<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'",
      "'<|eot_id|>'",
      "'<|start_header_id|>assistant<|end_header_id|>\\n\\n'",
    ),
    stop: ["<|eot_id|>", "<|start_header_id|>"],
  },
  {
    id: "mistral",
    name: "Mistral, Llama 2",
    template: paired("'[INST] ' + text + ' [/INST]'", "' ' + text + eos_token", ""),
    stop: ["[INST]"],
  },
  {
    id: "gemma",
    name: "Gemma",
    template: paired(
      "'<start_of_turn>user\\n' + text + '<end_of_turn>\\n'",
      "'<start_of_turn>model\\n' + text + '<end_of_turn>\\n'",
      "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
    ),
    stop: ["<end_of_turn>", "<start_of_turn>"],
  },
  {
    id: "phi3",
    name: "Phi 3, Phi 4",
    template: turns("'<|' + m['role'] + '|>\\n'", "'<|end|>\\n'", "'<|assistant|>\\n'"),
    stop: ["<|end|>", "<|user|>"],
  },
  {
    id: "granite",
    name: "Granite",
    template: turns(
      "'<|start_of_role|>' + m['role'] + '<|end_of_role|>'",
      "'<|end_of_text|>\\n'",
      "'<|start_of_role|>assistant<|end_of_role|>'",
    ),
    stop: ["<|end_of_text|>", "<|start_of_role|>"],
  },
  {
    id: "plain",
    name: "User: … Assistant: …",
    template: turns("(m['role'] | capitalize) + ': '", "'\\n'", "'Assistant:'"),
    stop: ["\nUser:", "\nSystem:"],
  },
];
