//! Options that change how an answer is made, and what its last object says about it.

use serde_json::{Value, json};

use crate::server::Server;

fn ask(server: &Server, text: &str, more: Value) -> Value {
    let mut body = json!({ "model": "tiny", "prompt": text, "stream": false });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = server.post("/api/generate", &body);
    let mut json = answer.json();
    json["status"] = answer.status.into();
    json
}

#[test]
fn what_does_not_fit_is_cut_and_said_or_refused() {
    let server = Server::start(&[]);
    let text = "the river and the hill ".repeat(40);
    let options = json!({ "num_ctx": 64, "num_predict": 4, "temperature": 0 });
    let cut = ask(&server, &text, json!({ "options": options }));
    let (n_read, n_cut) = (&cut["prompt_eval_count"], &cut["truncated_tokens"]);
    assert!(n_read.as_u64().is_some_and(|n| n < 64), "{cut}");
    assert!(n_cut.as_u64().is_some_and(|n| n > 64), "{cut}");
    let whole = ask(&server, &text, json!({ "options": options, "truncate": false }));
    let said = whole["error"].as_str().unwrap();
    assert!(whole["status"] == 400 && said.contains("exceeds the context length"), "{whole}");
    assert!(said.contains(" 64;"), "{said}");
    let fits = ask(&server, "hi", json!({ "options": options }));
    assert_eq!(fits.get("truncated_tokens"), None, "{fits}");
    // A conversation loses its oldest messages.
    let role = |i: usize| ["user", "assistant"][i % 2];
    let message = |i: usize| json!({ "role": role(i), "content": "the hill" });
    let messages: Vec<Value> = (0..31).map(message).collect();
    let body =
        json!({ "model": "tiny", "messages": messages, "stream": false, "options": options });
    let answer = server.post("/api/chat", &body).json();
    assert!(answer["truncated_tokens"].as_u64().is_some_and(|n| n > 10), "{answer}");
}

#[test]
fn a_full_context_goes_on_and_says_so_or_ends() {
    let server = Server::start(&[]);
    let options = json!({ "num_ctx": 64, "num_predict": 150, "temperature": 0 });
    let shifted = ask(&server, "hello", json!({ "options": options }));
    assert_eq!((&shifted["eval_count"], &shifted["done_reason"]), (&json!(150), &json!("length")));
    assert!(shifted["shifted_tokens"].as_u64().is_some_and(|n| n > 60), "{shifted}");
    let ended = ask(&server, "hello", json!({ "options": options, "shift": false }));
    let n = ended["prompt_eval_count"].as_u64().unwrap() + ended["eval_count"].as_u64().unwrap();
    assert_eq!((n, &ended["done_reason"]), (64, &json!("length")), "{ended}");
    assert_eq!(ended.get("shifted_tokens"), None, "{ended}");
}

#[test]
fn the_stop_string_that_ended_an_answer_is_named() {
    let server = Server::start(&[]);
    let ask = |stops: Value| {
        let body = json!({ "model": "tiny", "max_tokens": 60, "stop_sequences": stops,
            "options": { "temperature": 0 },
            "messages": [{ "role": "user", "content": "hello" }] });
        let answer = server.post("/v1/messages", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let whole = ask(json!([]));
    let text = whole["content"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(
        (&whole["stop_reason"], &whole["stop_sequence"]),
        (&json!("max_tokens"), &json!(null))
    );
    let stop: String = text.chars().skip(12).take(3).collect();
    let stopped = ask(json!(["never said", stop, "neither"]));
    assert_eq!(stopped["stop_reason"], "stop_sequence", "{stopped}");
    assert_eq!(stopped["stop_sequence"], json!(stop), "{stopped}");
    let said = stopped["content"][0]["text"].as_str().unwrap();
    assert_eq!(said, text.split(&stop).next().unwrap());
}

#[test]
fn batches_of_a_prompt_change_its_pace_and_not_the_answer() {
    let server = Server::start(&[]);
    let text = "the river and the hill ".repeat(40);
    let answers = [1, 7, 512].map(|num_batch| {
        let options = json!({ "num_batch": num_batch, "num_predict": 12, "temperature": 0 });
        let answer = ask(&server, &text, json!({ "options": options }));
        assert_eq!(answer["eval_count"], 12, "{answer}");
        answer["response"].as_str().unwrap().to_owned()
    });
    // Batches of one row are computed by other kernels, whose rounding may choose otherwise.
    assert_eq!(answers[1], answers[2]);
    let wrong = ask(&server, "hi", json!({ "options": { "num_batch": 0 } }));
    assert_eq!(wrong["status"], 400, "{wrong}");
}
