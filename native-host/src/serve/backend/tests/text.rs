//! Prompts and parsers of a loaded model.

use api::host::{Output, ParserRequest, RenderRequest, Runner};
use api::types::Tool;
use chat::Message;
use serde_json::json;

use super::{Lab, block_on, tiny};

fn tools() -> Vec<Tool> {
    serde_json::from_value(json!([{ "function": { "name": "now" } }])).unwrap()
}

#[test]
fn conversations_become_prompts() {
    let user = || Message::new("user", "hi<|end|>");
    let begun = |text: &str| vec![user(), Message::new("assistant", text)];
    let go = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}";
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(64, 1).await;
        for (messages, tools, template, want) in [
            (vec![user()], Vec::new(), None, "[user]hi<|end|><|end|>[assistant]"),
            (vec![user()], tools(), None, "T:1<tool_call>[user]hi<|end|><|end|>[assistant]"),
            (begun("Once "), Vec::new(), None, "[user]hi<|end|><|end|>[assistant]Once "),
            (begun(""), Vec::new(), None, "[user]hi<|end|><|end|>[assistant]"),
            (vec![user()], Vec::new(), Some(go), "<user>hi<|end|>"),
        ] {
            let template = template.map(str::to_owned);
            let request = RenderRequest { messages, tools, template, ..RenderRequest::default() };
            let rendered = runner.render(&request).await.unwrap();
            assert_eq!(rendered.text, want);
            // What was typed is spelled out, what the template writes is one token.
            let n_control = rendered.tokens.iter().filter(|id| **id == 3).count();
            assert_eq!(n_control, want.matches("<|end|>").count() - 1, "{want}");
            assert_eq!(rendered.tokens.first(), Some(&1));
        }
        assert_eq!(runner.tokenize("ab", true).await.unwrap().len(), 2);
        assert_eq!(runner.tokenize("<s>", true).await, Ok(vec![1]));
        assert_ne!(runner.tokenize("<s>", false).await, Ok(vec![1]));
        assert_eq!(runner.token_bytes(tiny::byte(b'q')), b"q");
        assert!(runner.token_bytes(u32::MAX).is_empty());
    });
}

#[test]
fn answers_are_taken_apart() {
    let lab = Lab::new();
    block_on(async {
        let runner = lab.load(64, 1).await;
        let text = "<think>hm</think>yes<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n\
                    </tool_call>";
        for (tools, n_calls) in [(tools(), 1), (Vec::new(), 0)] {
            let request = ParserRequest { tools, ..ParserRequest::default() };
            let mut parser = runner.parser(&request);
            let mut all: Vec<Output> =
                text.split_inclusive('>').flat_map(|t| parser.push(t)).collect();
            all.extend(parser.finish());
            assert_eq!(all.first(), Some(&Output::Thinking("hm".into())), "{all:?}");
            assert!(matches!(all.get(1), Some(Output::Content(text)) if text.starts_with("yes")));
            let calls = all.iter().filter(|part| matches!(part, Output::ToolCall(_)));
            assert_eq!(calls.count(), n_calls, "{all:?}");
        }
    });
}
