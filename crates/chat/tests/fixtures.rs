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
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jinja") {
            let t = Template::parse(std::fs::read_to_string(&path).unwrap(), &SpecialTokens { bos: "<s>".into(), eos: "</s>".into() }).unwrap();
            println!("{:?} {:?} {:?} {:?}", path.file_name(), t.capabilities(), t.thinking_tags(), t.tool_format());
        }
    }
}
