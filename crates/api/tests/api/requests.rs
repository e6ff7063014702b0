//! What reaches the runner: every field of every protocol, where it ends up.

use api::host::{Format, GenerateRequest};
use api::types::ToolChoice;
use serde_json::{Value, json};

use crate::fake::Server;

/// The runner's request for a body; `messages`, `prompt` and `input` are filled in.
fn asked(path: &str, model: &str, fields: Value) -> GenerateRequest {
    let mut body = json!({ "model": model, "stream": false });
    match path {
        "/api/generate" | "/v1/completions" => body["prompt"] = json!("hi"),
        "/v1/responses" => body["input"] = json!("hi"),
        "/v1/messages" => {
            body["messages"] = json!([{ "role": "user", "content": "hi" }]);
            body["max_tokens"] = json!(9);
        }
        _ => body["messages"] = json!([{ "role": "user", "content": "hi" }]),
    }
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let mut server = Server::new();
    let answer = server.post(path, &body.to_string());
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    let asked = server.backend.last_request.borrow_mut().take();
    asked.expect("the runner was asked")
}

#[test]
fn defaults() {
    let ollama = asked("/api/chat", "llama", json!({}));
    let sampling = ollama.sampling;
    assert_eq!((sampling.temperature, sampling.top_k, sampling.top_p), (0.8, 40, 0.9));
    assert_eq!((sampling.repeat_penalty, sampling.repeat_last_n), (1.0, 64));
    assert_eq!((ollama.seed, ollama.max_tokens, ollama.logprobs), (None, None, None));
    assert_eq!((ollama.truncate, ollama.shift, ollama.num_keep), (true, true, 4));
    assert_eq!(ollama.stop, ["</s>"]);
    for path in ["/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"] {
        let openai = asked(path, "llama", json!({})).sampling;
        assert_eq!((openai.temperature, openai.top_p, openai.top_k), (1.0, 1.0, 40), "{path}");
    }
}

#[test]
fn every_option() {
    let options = json!({
        "num_keep": 5, "seed": 42, "num_predict": 7, "top_k": 3, "top_p": 0.5, "min_p": 0.1,
        "typical_p": 0.7, "repeat_last_n": 33, "temperature": 0.25, "repeat_penalty": 1.5,
        "presence_penalty": 0.5, "frequency_penalty": -0.5, "stop": ["a", "b"],
    });
    for (path, field) in [
        ("/api/generate", "options"),
        ("/api/chat", "options"),
        ("/v1/chat/completions", "options"),
        ("/v1/completions", "options"),
        ("/v1/messages", "options"),
        ("/v1/responses", "options"),
    ] {
        let request = asked(path, "llama", json!({ field: options.clone() }));
        let s = request.sampling;
        assert_eq!((s.top_k, s.top_p, s.min_p, s.typical_p), (3, 0.5, 0.1, 0.7), "{path}");
        assert_eq!((s.temperature, s.repeat_last_n, s.repeat_penalty), (0.25, 33, 1.5), "{path}");
        assert_eq!((s.presence_penalty, s.frequency_penalty), (0.5, -0.5), "{path}");
        assert_eq!((request.seed, request.num_keep), (Some(42), 5), "{path}");
        let max_tokens = if path == "/v1/messages" { 9 } else { 7 };
        assert_eq!(request.max_tokens, Some(max_tokens), "{path}");
        assert_eq!(request.stop[..2], ["a", "b"], "{path}");
    }
}

#[test]
fn the_models_own_parameters_come_first() {
    let own = asked("/api/chat", "helper", json!({}));
    assert_eq!(
        (own.sampling.temperature, own.stop.clone()),
        (0.5, vec!["<end>".into(), "</s>".into()])
    );
    let mine = asked("/api/chat", "helper", json!({ "options": { "temperature": 0, "stop": [] } }));
    assert_eq!((mine.sampling.temperature, mine.stop), (0.0, vec!["</s>".to_owned()]));
    // OpenAI's default is stated by its route, so it stands above the model's.
    assert_eq!(asked("/v1/chat/completions", "helper", json!({})).sampling.temperature, 1.0);
}

#[test]
fn special_numbers() {
    let option = |name: &str, value: Value| {
        asked("/api/chat", "llama", json!({ "options": { name: value } }))
    };
    assert_eq!(option("seed", json!(-1)).seed, None);
    assert_eq!(option("seed", json!(1u64 << 32)).seed, Some(1));
    assert_eq!(option("num_predict", json!(-1)).max_tokens, None);
    assert_eq!(option("num_predict", json!(-2)).max_tokens, None);
    assert_eq!(option("num_predict", json!(0)).max_tokens, None);
    assert_eq!(option("repeat_last_n", json!(-1)).sampling.repeat_last_n, 256);
    assert_eq!(option("repeat_last_n", json!(10_000)).sampling.repeat_last_n, 256);
    assert_eq!(option("temperature", json!(0)).sampling.temperature, 0.0);
}

#[test]
fn fields_beside_the_options() {
    let request = asked(
        "/api/generate",
        "llama",
        json!({ "truncate": false, "shift": false, "format": "json", "top_logprobs": 3 }),
    );
    assert!(!request.truncate && !request.shift);
    assert_eq!((request.format, request.logprobs), (Some(Format::Json), Some(3)));

    let schema = json!({ "type": "object" });
    let tool = json!({ "type": "function", "function": { "name": "a" } });
    let chat = asked(
        "/v1/chat/completions",
        "llama",
        json!({
            "max_tokens": 5, "seed": 3, "stop": "x", "logit_bias": { "7": -100, "8": 1.5 },
            "frequency_penalty": 1, "presence_penalty": 2, "logprobs": true, "top_logprobs": 4,
            "response_format": { "type": "json_schema", "json_schema": { "schema": schema } },
            "tools": [tool], "tool_choice": "required",
        }),
    );
    assert_eq!((chat.max_tokens, chat.seed, chat.logprobs), (Some(5), Some(3), Some(4)));
    assert_eq!(chat.stop, ["x", "</s>"]);
    assert_eq!(chat.logit_bias, [(7, -100.0), (8, 1.5)]);
    assert_eq!((chat.sampling.frequency_penalty, chat.sampling.presence_penalty), (1.0, 2.0));
    assert_eq!(chat.format, Some(Format::Schema(schema.clone())));
    assert_eq!((chat.tool_choice, chat.tools.len()), (ToolChoice::Required, 1));

    let responses = asked(
        "/v1/responses",
        "llama",
        json!({
            "max_output_tokens": 6, "temperature": 0.5, "top_p": 0.25,
            "text": { "format": { "type": "json_schema", "name": "n", "schema": schema } },
        }),
    );
    assert_eq!((responses.max_tokens, responses.sampling.temperature), (Some(6), 0.5));
    assert_eq!(responses.format, Some(Format::Schema(schema)));

    let messages = asked(
        "/v1/messages",
        "llama",
        json!({
            "max_tokens": 8, "temperature": 0.5, "top_k": 2, "stop_sequences": ["x"],
            "tools": [{ "name": "a" }], "tool_choice": { "type": "tool", "name": "a" },
        }),
    );
    assert_eq!((messages.max_tokens, messages.sampling.top_k), (Some(8), 2));
    assert_eq!(messages.stop, ["x", "</s>"]);
    assert_eq!(messages.tool_choice, ToolChoice::Function("a".into()));
}

#[test]
fn several_answers_have_several_seeds() {
    let seed = |n: u32| asked("/v1/chat/completions", "llama", json!({ "n": n, "seed": 5 })).seed;
    assert_eq!((seed(1), seed(3)), (Some(5), Some(7)));
    let chance = asked("/v1/chat/completions", "llama", json!({ "n": 2 }));
    assert_eq!(chance.seed, None);
}

#[test]
fn the_slots_of_a_load() {
    let settings = api::Settings { num_parallel: 4, ..crate::fake::settings() };
    let mut server = Server::with(settings);
    server.post("/api/generate", r#"{"model":"base"}"#);
    server.post("/api/embed", r#"{"model":"vectors","input":"a"}"#);
    let loaded = server.router.scheduler().loaded();
    let slots = |name: &str| loaded.iter().find(|m| m.spec.name == name).map(|m| m.spec.slots);
    // A model that only embeds has one.
    assert_eq!((slots("base:latest"), slots("vectors:latest")), (Some(4), Some(1)));
}

#[test]
fn the_context_of_a_load() {
    for (settings, options, want) in [
        (None, json!({}), 4096),
        (Some(1024), json!({}), 1024),
        (Some(1024), json!({ "num_ctx": 512 }), 512),
        (None, json!({ "num_ctx": 1 }), 4),
    ] {
        let settings = api::Settings { num_ctx: settings, ..crate::fake::settings() };
        let mut server = Server::with(settings);
        let body = json!({ "model": "base", "options": options }).to_string();
        assert_eq!(server.post("/api/generate", &body).status, 200);
        assert_eq!(server.router.scheduler().loaded()[0].num_ctx, want);
        let ps: Value = serde_json::from_str(&server.get("/api/ps").body).unwrap();
        assert_eq!(ps["models"][0]["context_length"], want);
        assert_eq!(ps["models"][0]["name"], "base:latest");
        assert_eq!(ps["models"][0]["expires_at"], "2024-02-29T12:39:56.005Z");
    }
}
