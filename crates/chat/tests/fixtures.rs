//! Published chat templates, rendered as Jinja2 rendered them: byte for byte.
//!
//! The templates belong to their makers and are not part of this repository; without them this test
//! reports itself as skipped. What they rely on in general is tested in `semantics`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test")]

use std::path::PathBuf;

use chat::{ChatTemplate, Error, Moment, RenderOptions, SpecialTokens, Template};
use serde_json::Value;

fn fixtures() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("INGLE_FIXTURES")
        .map_or_else(|| root.join("../shared/fixtures"), PathBuf::from)
        .join("templates");
    folder.is_dir().then_some(folder)
}

fn options(vars: &Value) -> RenderOptions {
    let known = ["messages", "tools", "add_generation_prompt"];
    let mut extra = vars.as_object().unwrap().clone();
    extra.retain(|name, _| !known.contains(&name.as_str()));
    RenderOptions {
        add_generation_prompt: vars["add_generation_prompt"].as_bool().unwrap(),
        tools: vars.get("tools").cloned(),
        now: Some(Moment { year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5 }),
        extra,
        ..RenderOptions::default()
    }
}

#[test]
fn published_templates_render_as_in_jinja2() {
    let Some(folder) = fixtures() else {
        println!("SKIPPED published_templates_render_as_in_jinja2: no fixtures");
        return;
    };
    let file = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tokens = SpecialTokens { bos: text(&file["bos_token"]), eos: text(&file["eos_token"]) };
    let (mut rendered, mut refused, mut wrong) = (0, 0, Vec::new());
    for entry in file["templates"].as_array().unwrap() {
        let name = text(&entry["template"]);
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let template = ChatTemplate::with_source(source, tokens.clone()).expect(&name);
        for case in entry["cases"].as_array().unwrap() {
            let vars = &case["vars"];
            let got = template.render_json(&vars["messages"], &options(vars));
            let want = match case.get("error") {
                Some(message) => Err(Error::Raised { message: text(message) }),
                None => Ok(text(&case["expected"])),
            };
            match &want {
                Ok(_) => rendered += 1,
                Err(_) => refused += 1,
            }
            if got != want {
                wrong.push(format!("{name} {}:\n{got:?}\n{want:?}", case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    println!("{rendered} rendered, {refused} refused");
    assert!(rendered >= 109 && refused >= 3);
}

#[test]
fn published_templates_show_their_tool_calls() {
    let Some(folder) = fixtures() else {
        println!("SKIPPED published_templates_show_their_tool_calls: no fixtures");
        return;
    };
    let tokens = SpecialTokens { bos: "<s>".into(), eos: "</s>".into() };
    for (name, marker, close, arguments) in [
        ("Qwen-Qwen2.5-7B-Instruct", "<tool_call>", "</tool_call>", "arguments"),
        ("Qwen-Qwen3-0.6B", "<tool_call>", "</tool_call>", "arguments"),
        ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "<tool_call>", "</tool_call>", "arguments"),
        ("ibm-granite-granite-4.0", "<tool_call>", "</tool_call>", "arguments"),
        ("meta-llama-Llama-3.1-8B-Instruct", "<|python_tag|>", "<|eot_id|>", "parameters"),
        ("meta-llama-Llama-3.2-3B-Instruct", "", "<|eot_id|>", "parameters"),
        ("mistralai-Mistral-Nemo-Instruct-2407", "[TOOL_CALLS]", "</s>", "arguments"),
        // The name stands before the arguments.
        ("Mistral-Small-3.2-24B-Instruct-2506", "[TOOL_CALLS]", "", ""),
        // Spelled out, and nearly JSON.
        ("Qwen3-Coder", "<tool_call>", "</tool_call>", ""),
        ("google-gemma-4-31B-it", "<|tool_call>", "<tool_call|>", ""),
    ] {
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let template = Template::parse(source, &tokens).expect(name);
        let format = template.tool_format().expect(name);
        let first = format.markers.first().map_or("", String::as_str);
        let got = (first, format.close.as_str(), format.arguments_key.as_str());
        assert_eq!(got, (marker, close, arguments), "{name}");
        let has_thinking = name.contains("Qwen3-0") || name.contains("gemma-4");
        assert_eq!(template.thinking_tags().is_some(), has_thinking, "{name}");
    }
}
