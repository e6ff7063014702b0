//! Answers taken apart, whole and in every cut.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{SpecialTokens, Template};

/// Formats of tool calls by the template that writes them.
const HERMES: &str = "{{ if .Tools }}tools{{ end }}{{ range .Messages }}<|im_start|>{{ .Role }}\n\
    {{ .Content }}{{ range .ToolCalls }}\n<tool_call>\n{\"name\": \"{{ .Function.Name }}\", \
    \"arguments\": {{ .Function.Arguments }}}\n</tool_call>{{ end }}<|im_end|>\n{{ end }}";
const LLAMA: &str = "{% if tools %}<|python_tag|>{% endif %}{% for m in messages %}\
    <|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{% if m.tool_calls %}\
    {\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": \
    {{ m.tool_calls[0].function.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}\
    <|eot_id|>{% endfor %}";
const MISTRAL: &str = "{{ if .Tools }}[AVAILABLE_TOOLS]{{ end }}{{ range .Messages }}\
    {{ if .ToolCalls }}[TOOL_CALLS] [{{ range .ToolCalls }}{\"name\": \"{{ .Function.Name }}\", \
    \"arguments\": {{ json .Function.Arguments }}}{{ end }}]</s>{{ else }}{{ .Content }}</s>\
    {{ end }}{{ end }}";
const NAMED: &str = "{% if tools %}{% endif %}{% for m in messages %}{% if m.tool_calls %}\
    [TOOL_CALLS]{{ m.tool_calls[0].function.name }}[ARGS]\
    {{ m.tool_calls[0].function.arguments | tojson }}</s>{% else %} {{ m.content }}</s>{% endif %}\
    {% endfor %}";
const DEEP: &str = "{% if tools %}{% endif %}{% for m in messages %}{% if m.tool_calls %}\
    <|calls|><|call|>function<|sep|>{{ m.tool_calls[0].function.name }}\n```json\n\
    {{ m.tool_calls[0].function.arguments + '' }}\n```<|call_end|><|calls_end|>{% else %}\
    {{ m.content }}{% endif %}{% endfor %}";
const OPENAI: &str = "{% if tools %}{% endif %}{% for m in messages %}{% if m.tool_calls %}<call>\
    {{ m.tool_calls[0] | tojson }}</call>{% else %}{{ m.content }}{% endif %}{% endfor %}";

const LINES: &str = "{% if tools %}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n\
    {% for c in m.tool_calls %}<tool_call>\n<function={{ c.function.name }}>\n\
    {% for k, v in c.function.arguments|items %}<parameter={{ k }}>\n{{ v }}\n</parameter>\n\
    {% endfor %}</function>\n</tool_call>{% endfor %}{{ m.content }}<|im_end|>\n{% endfor %}";
const LOOSE: &str = "{% if tools %}{% endif %}{% for m in messages %}<|turn>{{ m.role }}\n\
    {% for c in m.tool_calls %}<|call>call:{{ c.function.name + '{' }}\
    {% for k, v in c.function.arguments|items %}{{ k }}:{% if v is string %}<|'|>{{ v }}<|'|>\
    {% else %}{{ v }}{% endif %}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}<call|>{% endfor %}\
    {{ m.content }}<turn|>{% endfor %}";

fn template(source: &str) -> Template {
    Template::parse(source, &SpecialTokens::default()).unwrap()
}

#[test]
fn formats_are_learned_from_templates() {
    let key = |key: &str| NamePlace::Key(key.to_owned());
    let quoted = |sign: &str, quote: &str| NamePlace::Before {
        sign: sign.to_owned(),
        quote: quote.to_owned(),
    };
    let before = |sign: &str| quoted(sign, "");
    let lines = NamePlace::Spelled(Spelling {
        before_name: "<function=".to_owned(),
        after_name: ">".to_owned(),
        before_key: "<parameter=".to_owned(),
        after_key: ">".to_owned(),
        after_value: "</parameter>".to_owned(),
        end: "</function>".to_owned(),
        has_lines: true,
    });
    for (source, markers, close, is_bare, name, arguments) in [
        (HERMES, vec!["<tool_call>"], "</tool_call>", false, key("name"), "arguments"),
        (LLAMA, vec!["<|python_tag|>"], "<|eot_id|>", true, key("name"), "parameters"),
        (MISTRAL, vec!["[TOOL_CALLS]"], "</s>", true, key("name"), "arguments"),
        (NAMED, vec!["[TOOL_CALLS]"], "", false, before("[TOOL_CALLS]"), ""),
        (DEEP, vec!["<|calls|>"], "", false, before("<|sep|>"), ""),
        (OPENAI, vec!["<call>"], "</call>", false, key("name"), "arguments"),
        (LINES, vec!["<tool_call>"], "</tool_call>", false, lines, ""),
        (LOOSE, vec!["<|call>"], "<call|>", false, quoted("call:", "<|'|>"), ""),
        ("{% if tools %}{% endif %}", vec![], "", true, key("name"), "arguments"),
    ] {
        let want = ToolFormat {
            markers: markers.into_iter().map(str::to_owned).collect(),
            close: close.to_owned(),
            is_bare,
            name,
            arguments_key: arguments.to_owned(),
        };
        assert_eq!(template(source).tool_format(), Some(want), "{source}");
    }
    assert_eq!(template("{{ .Prompt }}").tool_format(), None);
}

fn offered(name: &str) -> Offered {
    let parameters = json!({ "properties": { "text": { "type": "string" } } });
    Offered { name: name.to_owned(), parameters }
}

fn parser(source: &str, prompt: &str) -> AnswerParser {
    let format = template(source).tool_format().unwrap();
    let tags = ThinkingTags::new("<think>", "</think>");
    let mut seed = 0;
    let entropy = move || {
        seed += 1;
        seed
    };
    AnswerParser::new(entropy)
        .with_thinking(&tags, prompt)
        .with_tools(&format, ["f", "g"].map(offered).into())
}

/// The answer in pieces of `cuts` characters: thinking, content, calls as `name(arguments)`.
fn parse(mut parser: AnswerParser, text: &str, cuts: &[usize]) -> (String, String, Vec<String>) {
    let (mut thinking, mut content, mut calls) = (String::new(), String::new(), Vec::new());
    let mut cuts = cuts.iter().copied().chain(std::iter::repeat(1));
    let chars: Vec<char> = text.chars().collect();
    let mut rest = chars.as_slice();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let n = cuts.next().unwrap().clamp(1, rest.len());
        events.extend(parser.push(&rest[..n].iter().collect::<String>()));
        rest = &rest[n..];
    }
    events.extend(parser.finish());
    for event in events {
        match event {
            Event::Thinking(text) => thinking.push_str(&text),
            Event::Content(text) => content.push_str(&text),
            Event::ToolCall(call) => {
                assert_eq!((call.index, call.id.len()), (calls.len(), 13));
                assert!(call.id.starts_with("call_"));
                calls.push(format!("{}({})", call.name, json!(call.arguments)));
            }
        }
    }
    (thinking, content, calls)
}

/// Template, answer, content, calls.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CALLS: &[Row] = &[
    (HERMES, "Hello <b>!\n", "Hello <b>!\n", &[]),
    (
        HERMES,
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
        "",
        &["f({\"a\":1})"],
    ),
    (
        HERMES,
        "I look.\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"}{\\\"\"}}\n\
         </tool_call>\n\
         <tool_call>{\"arguments\": {}, \"name\": \"x\"}</tool_call>\nDone.",
        "I look.Done.",
        &["f({\"a\":\"}{\\\"\"})", "x({})"],
    ),
    (HERMES, "<tool_call>\n{\"name\": \"f\", \"arg", "<tool_call>\n{\"name\": \"f\", \"arg", &[]),
    (
        HERMES,
        "<tool_call>\n{\"name\": 1}\n</tool_call>",
        "<tool_call>\n{\"name\": 1}\n</tool_call>",
        &[],
    ),
    (HERMES, "<tool_call> is a tag", "<tool_call> is a tag", &[]),
    (
        HERMES,
        "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 2}\"}</tool_call>",
        "",
        &["f({\"a\":2})"],
    ),
    (HERMES, "{\"name\": \"f\", \"arguments\": {}}", "{\"name\": \"f\", \"arguments\": {}}", &[]),
    (HERMES, "x <tool_cal", "x <tool_cal", &[]),
    (LLAMA, "{\"name\": \"f\", \"parameters\": {\"a\": [1, 2]}}", "", &["f({\"a\":[1,2]})"]),
    (LLAMA, "<|python_tag|>{\"name\": \"q\", \"parameters\": {}}", "", &["q({})"]),
    (
        LLAMA,
        " {\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}",
        "",
        &["f({})", "g({})"],
    ),
    (
        LLAMA,
        "{\"name\": \"unknown\", \"parameters\": {}}",
        "{\"name\": \"unknown\", \"parameters\": {}}",
        &[],
    ),
    (LLAMA, "{\"answer\": {\"name\": \"f\"}}", "{\"answer\": {\"name\": \"f\"}}", &[]),
    (LLAMA, "[1, 2]", "[1, 2]", &[]),
    (
        LLAMA,
        "So {\"name\": \"f\", \"parameters\": {}}",
        "So {\"name\": \"f\", \"parameters\": {}}",
        &[],
    ),
    (
        MISTRAL,
        "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}, \
         {\"name\": \"g\", \"arguments\": {\"b\": null}}]",
        "",
        &["f({})", "g({\"b\":null})"],
    ),
    (MISTRAL, "[{\"name\": \"f\", \"arguments\": {}}]", "", &["f({})"]),
    (MISTRAL, "[TOOL_CALLS] sorry", "[TOOL_CALLS] sorry", &[]),
    (
        NAMED,
        "[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[CALL_ID]12[ARGS]{}",
        "",
        &["f({\"a\":1})", "g({})"],
    ),
    (
        DEEP,
        "Well.<|calls|><|call|>function<|sep|>f\n```json\n{\"a\": 1}\n```<|call_end|>\n<|call|>\
         function<|sep|>g\n```json\n{}\n```<|call_end|><|calls_end|>",
        "Well.",
        &["f({\"a\":1})", "g({})"],
    ),
    (
        OPENAI,
        "<call>{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {}}}</call>",
        "",
        &["f({})"],
    ),
    (
        LINES,
        "I look.\n<tool_call>\n<function=f>\n<parameter=text>\n12\n</parameter>\n<parameter=n>\n\
         12\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n</function>\n\
         </tool_call>",
        "I look.",
        &["f({\"text\":\"12\",\"n\":12})", "g({})"],
    ),
    (
        LINES,
        "<tool_call>\n<function=f>\n<parameter=a>\n</function>\n</parameter>\n</function>\n\
         </tool_call>\nDone.",
        "Done.",
        &["f({\"a\":\"</function>\"})"],
    ),
    (LINES, "<tool_call>\n{\"name\": \"f\"}", "<tool_call>\n{\"name\": \"f\"}", &[]),
    (LINES, "<tool_call>\n<function=f>\n<para", "<tool_call>\n<function=f>\n<para", &[]),
    (
        LOOSE,
        "<|call>call:f{text:<|'|>a } \"b<|'|>,n:[1,{k:true}]}<call|><|call>call:g{}<call|>",
        "",
        &["f({\"text\":\"a } \\\"b\",\"n\":[1,{\"k\":true}]})", "g({})"],
    ),
    (LOOSE, "<|call>call:f{a}", "<|call>call:f{a}", &[]),
];

#[test]
fn calls_are_found() {
    for (source, text, content, calls) in CALLS {
        let got = parse(parser(source, ""), text, &[]);
        let calls: Vec<String> = calls.iter().map(|call| (*call).to_owned()).collect();
        assert_eq!(got, (String::new(), (*content).to_owned(), calls), "{text}");
    }
}

#[test]
fn thinking_is_taken_out() {
    for (prompt, text, thinking, content) in [
        ("", "Hi", "", "Hi"),
        ("", "<think>\nhm\n</think>\n\nHi\n", "hm", "Hi\n"),
        ("", "  \n<think>a <b> </thin c</think>Hi", "a <b> </thin c", "Hi"),
        ("", "<think></think>x", "", "x"),
        ("", "<think>never ends", "never ends", ""),
        ("", "<think>ends in </th", "ends in </th", ""),
        ("", "x <think>a</think>", "", "x <think>a</think>"),
        ("", "<thing>", "", "<thing>"),
        ("", " <thi", "", " <thi"),
        ("", "  \n", "", "  \n"),
        ("u <think>\n", "hm</think> Hi", "hm", "Hi"),
        ("u <think>\n", "hm </think>\n<think>b", "hm", "<think>b"),
        (
            "",
            "<think>hm</think>\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
            "hm",
            "",
        ),
    ] {
        let (got_thinking, got_content, calls) = parse(parser(HERMES, prompt), text, &[]);
        assert_eq!((got_thinking.as_str(), got_content.as_str()), (thinking, content), "{text}");
        assert_eq!(calls.len(), usize::from(text.contains("\"f\"")));
    }
}

#[test]
fn text_is_held_back_only_while_it_may_be_markup() {
    let mut parser = parser(HERMES, "");
    let mut shown = |text: &str| -> String {
        let texts = parser.push(text).into_iter().map(|event| match event {
            Event::Content(text) | Event::Thinking(text) => text,
            Event::ToolCall(call) => call.name,
        });
        texts.collect()
    };
    for (text, want) in [
        ("<", ""),
        ("p>", "<p>"),
        ("a ", "a"),
        ("<tool", ""),
        ("s>", " <tools>"),
        (" <tool_call>{\"name\":\"f\",", ""),
        ("\"arguments\":{}}", "f"),
        ("</tool_call>\nand", "and"),
    ] {
        assert_eq!(shown(text), want, "{text}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    for text in [
        "<tool_call>{\"name\": \"".to_owned() + &"x".repeat(10 << 20),
        "<tool_call>".to_owned() + &" ".repeat(2 << 20),
        "<tool_call>".to_owned() + &"[".repeat(100_000),
        "<tool_call>".to_owned() + &"{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000),
        " <".repeat(100_000),
    ] {
        let (thinking, content, calls) = parse(parser(HERMES, ""), &text, &[text.len()]);
        assert_eq!((thinking.len(), calls.len()), (0, 0));
        assert!(content == text, "{} bytes became {}", text.len(), content.len());
    }
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        row in 0..CALLS.len(),
        thought in prop_oneof![Just(""), Just("<think>a</think>\n"), Just("<thin")],
        cuts in prop::collection::vec(1..12usize, 0..40),
    ) {
        let (source, text, ..) = CALLS[row];
        let text = format!("{thought}{text}");
        let whole = parse(parser(source, ""), &text, &[text.len()]);
        prop_assert_eq!(parse(parser(source, ""), &text, &cuts), whole);
    }

    #[test]
    fn nothing_is_lost_or_panics(
        row in 0..CALLS.len(),
        parts in prop::collection::vec(prop::sample::select(&[
            "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "{", "}", "[", "]", "\"name\"", ":",
            "\"f\"", "\"arguments\"", "<function=f>", "</function>", "<parameter=a>", ",",
            "</parameter>", "call:f", "<|'|>", "<|call>", " ", "\n", "x", "<", "é", "<think>",
            "</think>", "<|sep|>",
        ][..]), 0..30),
        cuts in prop::collection::vec(1..7usize, 0..30),
    ) {
        let (source, ..) = CALLS[row];
        let text = parts.concat();
        let (thinking, content, calls) = parse(parser(source, ""), &text, &cuts);
        if calls.is_empty() && thinking.is_empty() && !text.contains("<think>") {
            prop_assert_eq!(content, text);
        }
    }
}
