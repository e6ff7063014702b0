//! Templates rendered as Go renders them.
//!
//! `go_template.json` holds templates written for this test and what Go's own `text/template`
//! (1.19, `missingkey=zero`) prints for them, or its reason to refuse them. `cases` run over plain
//! data; `renderings` over conversations, with structs that have the fields and `String` methods
//! of Ollama's.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::{Value as Json, json};

use super::GoTemplate;
use super::eval::Run;
use super::parse::parse;
use super::value::Value;
use crate::error::Error;
use crate::message::{Message, RenderOptions, Think};
use crate::{Moment, limits};

const NOW: Moment = Moment { year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5 };

fn truth() -> Json {
    serde_json::from_str(include_str!("../../tests/data/go_template.json")).unwrap()
}

fn execute(source: &str, data: &Json) -> Result<String, Error> {
    let tree = parse(source)?;
    let mut run = Run::new(&tree, Some(NOW), 0);
    run.execute(&tree.root, &Value::of_json(data, 0)?)?;
    Ok(run.meter.out)
}

#[test]
fn constructs_render_as_in_go() {
    let truth = truth();
    let mut wrong = Vec::new();
    let cases = truth["cases"].as_array().unwrap();
    for case in cases {
        let refused = case.get("error");
        let source = refused.map_or(&case[0], |_| &case["template"]).as_str().unwrap();
        match (execute(source, &truth["data"]), refused) {
            (Ok(got), None) if got == case[1] => {}
            (Err(_), Some(_)) => {}
            (got, _) => wrong.push(format!("{source}\n  got  {got:?}\n  want {case}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 200);
}

fn message(json: &Json) -> Message {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let mut message = Message::new(text("role"), text("content"));
    message.fields = json.as_object().unwrap().clone();
    message.fields.retain(|key, _| key != "role" && key != "content");
    message
}

#[test]
fn conversations_render_as_in_go() {
    let truth = truth();
    let mut wrong = Vec::new();
    for case in truth["renderings"].as_array().unwrap() {
        let source = &truth["templates"][case["template"].as_u64().unwrap() as usize];
        let template = GoTemplate::new(source.as_str().unwrap()).unwrap();
        let options = RenderOptions {
            tools: case.get("tools").map(|_| truth["tools"].clone()),
            think: case.get("think").map(|think| match think {
                Json::Bool(true) => Think::On,
                Json::Bool(false) => Think::Off,
                level => Think::Level(level.as_str().unwrap().to_owned()),
            }),
            ..RenderOptions::answer()
        };
        let got = match case.get("suffix") {
            Some(suffix) => {
                let prompt = case["prompt"].as_str().unwrap();
                template.insert(prompt, suffix.as_str().unwrap(), &options)
            }
            None => {
                let talk = &truth["conversations"][case["messages"].as_u64().unwrap() as usize];
                let talk: Vec<Message> = talk.as_array().unwrap().iter().map(message).collect();
                template.render(&talk, &options)
            }
        };
        match (got, case.get("expected")) {
            (Ok(got), Some(want)) if got == *want => {}
            (Err(Error::Failed { .. }), None) => {}
            (got, _) => wrong.push(format!("{source}\n  got  {got:?}\n  want {case}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_the_table_does_not_have() {
    let data = json!({ "S": "s", "N": null, "n": 3 });
    for (source, want) in [
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{range $i := 2}}{{$i}}{{else}}x{{end}}", "01"),
        ("{{range 0}}x{{else}}none{{end}}", "none"),
        ("{{with .N}}a{{else with .S}}{{.}}{{else}}c{{end}}", "s"),
        ("{{json \"\\b\"}}", "\"\\b\""),
        (
            "{{printf \"%.3q|%.2x|%#.2q|%.1s\" \"abcdef\" \"abc\" \"abc\" \"éa\"}}",
            "\"abc\"|6162|`ab`|é",
        ),
    ] {
        assert_eq!(execute(source, &data).as_deref(), Ok(want), "{source}");
    }
}

#[test]
fn messages_and_tools_of_other_protocols_are_read() {
    let call = |arguments: Json| {
        let call = json!([{ "id": "1", "function": { "name": "f", "arguments": arguments } }]);
        Message::new("assistant", "x").with("tool_calls", call)
    };
    let parameters = json!({ "type": "object", "properties": {
        "s": { "type": "string" },
        "n": { "type": ["integer", "null"] },
        "a": { "type": "array" },
        "u": { "anyOf": [{ "type": "boolean" }, { "type": "object" }] },
        "x": {},
    }});
    let function = json!({ "name": "f", "strict": true, "parameters": parameters });
    // Ollama's fields first, in its order.
    let printed = json!({ "name": "f", "parameters": parameters, "strict": true }).to_string();
    let tools = json!([{ "type": "function", "function": function }]);
    let calls = "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Index }}\
                 {{ .Function.Name }}{{ .Function.Arguments }}{{ end }}{{ end }}";
    let types = "{{ range .Messages }}{{ end }}{{ range .Tools }}\
                 {{ range $k, $v := .Function.Parameters.Properties }}{{ $k }}: \
                 {{ toTypeScriptType $v }}; {{ end }}{{ end }}";
    for (source, messages, want) in [
        (calls, vec![call(json!({ "b": 1, "a": "<" }))], "0f{\"b\":1,\"a\":\"\\u003c\"}"),
        // OpenAI's protocol sends arguments as text.
        (calls, vec![call(json!("{\"a\": 1}"))], "0f{\"a\":1}"),
        (calls, vec![call(json!("broken"))], "0fbroken"),
        (calls, vec![call(Json::Null)], "0f{}"),
        // Neighbors that become one message keep the calls of both.
        (calls, vec![call(json!({})), call(json!({}))], "0f{}1f{}"),
        (
            "{{ range .Messages }}{{ .Thinking }}{{ .Content }}{{ .ToolCallID }}{{ end }}",
            vec![
                Message::new("assistant", "").with("reasoning_content", "hm".into()),
                Message::new("tool", "").with("content", json!([{ "text": "a" }, { "text": "b" }])),
                Message::new("tool", "c").with("tool_call_id", "7".into()),
            ],
            "hma\nbc7",
        ),
        (
            types,
            vec![],
            "a: any[]; n: number | null; s: string; u: boolean | Record<string, any>; x: any; ",
        ),
        // What a caller sent beyond Ollama's fields stays in the JSON.
        (
            "{{ range .Messages }}{{ end }}{{ (index .Tools 0).Function | printf \"%s\" }}",
            vec![],
            &printed,
        ),
        (
            "{{ range .Messages }}{{ end }}{{ (index .Tools 0).Function | printf \"%.7q|\" }}",
            vec![],
            "\"{\\\"name\\\"\"|",
        ),
    ] {
        let options = RenderOptions { tools: Some(tools.clone()), ..RenderOptions::answer() };
        let got = GoTemplate::new(source).unwrap().render(&messages, &options);
        assert_eq!(got.as_deref(), Ok(want), "{source}");
    }
}

#[test]
fn costs_are_bounded() {
    let map: serde_json::Map<_, _> = (0..2000).map(|n| (n.to_string(), Json::Null)).collect();
    let data = json!({ "S": "s", "L": vec![0; 2000], "M": map, "B": "b".repeat(100_000) });
    let detail = format!("more than {} variables in scope", limits::MAX_VARIABLES);
    let variables = Error::GoSyntax { line: 1, detail };
    let nest = |n: usize| "{{if 1}}".repeat(n) + &"{{end}}".repeat(n);
    let doubling = "{{$x := \"ab\"}}{{range .L}}{{$x = print $x $x}}{{end}}";
    let loops = "{{range $.L}}{{range $.L}}{{range $.L}}{{end}}{{end}}{{end}}";
    let recursion = "{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}";
    let printing = format!("{{{{range .L}}}}{{{{$.S}}}}{}{{{{end}}}}", "x".repeat(3000));
    for (source, want) in [
        (nest(50_000), Error::TemplateDepth),
        ("(".repeat(1000), Error::TemplateDepth),
        ("{{define \"a\"}}".to_owned() + &nest(64), Error::TemplateDepth),
        (doubling.to_owned(), Error::OutputLimit),
        (loops.to_owned(), Error::Fuel),
        ("{{range 1000000000000}}{{end}}".to_owned(), Error::Fuel),
        (recursion.to_owned(), Error::TemplateDepth),
        (printing, Error::OutputLimit),
        ("{{printf \"%999999999d\" 1}}".to_owned(), Error::OutputLimit),
        ("{{range 1000000}}{{range $.M}}{{break}}{{end}}{{end}}".to_owned(), Error::Fuel),
        ("{{range 1000000}}{{if eq $.B $.B}}{{end}}{{end}}".to_owned(), Error::Fuel),
        ((0..300).map(|n| format!("{{{{$v{n} := 1}}}}")).collect(), variables),
        (
            " ".repeat(limits::MAX_SOURCE_BYTES + 1),
            Error::TemplateSize { have: limits::MAX_SOURCE_BYTES + 1 },
        ),
    ] {
        let source = if source.starts_with('(') { format!("{{{{{source}") } else { source };
        let got = execute(&source, &data);
        let is_want = match &got {
            // Which of the two a source of a megabyte meets first is of no interest.
            Err(Error::TemplateSize { .. }) if source.len() > limits::MAX_SOURCE_BYTES => true,
            // Unclosed brackets are refused before they are counted.
            Err(Error::GoSyntax { .. }) if source.starts_with("{{(") => true,
            Err(got) => *got == want,
            Ok(_) => false,
        };
        assert!(is_want, "{}: {got:?}", source.chars().take(60).collect::<String>());
    }
}

#[test]
fn thinking_is_marked_as_the_template_marks_it() {
    for (source, want) in [
        (
            "{{range .Messages}}{{if .Thinking}}\n<think>\n{{.Thinking}}\n</think>\n{{end}}{{end}}",
            Some(("<think>", "</think>")),
        ),
        ("{{range .Messages}}{{if .Thinking}}[T]{{.Thinking}}{{end}}{{end}}", None),
        ("{{range .Messages}}{{.Content}}{{end}}", None),
        ("{{if .Thinking}}<a>{{.Thinking}}</a>{{end}}", None),
        (
            "{{range $i, $m := .Messages}}{{with $m}}<a>{{$m.Thinking}}</a>{{end}}{{end}}",
            Some(("<a>", "</a>")),
        ),
    ] {
        let tags = GoTemplate::new(source).unwrap().thinking_tags();
        let tags = tags.as_ref().map(|(open, close)| (open.as_str(), close.as_str()));
        assert_eq!(tags, want, "{source}");
    }
}

mod soup {
    //! Whatever the source, the answer is a text or an error.

    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 40] = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        ".",
        ".S",
        ".L",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        "\"a\"",
        "`b`",
        "'c'",
        "1",
        "-2.5",
        "print",
        "printf \"%5.2v|%q\"",
        "index",
        "slice",
        "eq",
        "json",
        "/*",
        "*/",
        "é\n",
    ];

    proptest! {
        #[test]
        fn nothing_panics(
            parts in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
        ) {
            let data = json!({ "S": "sé", "L": [1, "a", null] });
            let _ = execute(&parts.concat(), &data);
            let _ = execute(&format!("{{{{{}}}}}", parts.join(" ")), &data);
        }

        #[test]
        fn text_without_actions_stays(text in "[^{]{0,200}") {
            prop_assert_eq!(execute(&text, &Json::Null), Ok(text));
        }
    }
}
