//! Prompts as text and as conversations: beginnings, templates, and the next turn.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use chat::{Message, RenderOptions, SpecialTokens, Template};
use common::*;
use engine::{Conversation, Prompt, Request, Turns};

const WITH_BOS: &str = "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}\n\
                        {% endfor %}{% if add_generation_prompt %}a:{% endif %}";
const WITHOUT_BOS: &str = "{% for m in messages %}{{ m.content }}{% endfor %}";

fn turns(said: &[&str]) -> Prompt {
    let roles = ["user", "assistant"].iter().cycle();
    Prompt::Messages(
        said.iter().zip(roles).map(|(text, role)| Message::new(*role, *text)).collect(),
    )
}

#[test]
fn there_is_one_beginning() {
    for template in [WITH_BOS, WITHOUT_BOS] {
        let session = Fake::default().session_of(gguf(Some(template)), 64);
        let ids = session.prompt_ids(&turns(&["hello"])).unwrap();
        assert_eq!(ids[0], BOS);
        assert_eq!(ids.iter().filter(|&&id| id == BOS).count(), 1, "{template}");
    }
    let session = Fake::default().session(64);
    for text in ["hello", "<s>hello"] {
        let ids = session.prompt_ids(&Prompt::Text(text.to_owned())).unwrap();
        assert_eq!(ids.iter().filter(|&&id| id == BOS).count(), 1, "{text}");
    }
    assert_eq!(session.prompt_ids(&Prompt::Tokens(vec![40])).unwrap(), [40]);
}

#[test]
fn only_the_template_writes_control_tokens() {
    let session = Fake::default().session_of(gguf(Some(WITH_BOS)), 256);
    let control = |text: &str| {
        let ids = session.prompt_ids(&turns(&[text])).unwrap();
        let tokenizer = session.tokenizer();
        ids.iter().filter(|&&id| tokenizer.is_control(id)).count()
    };
    assert_eq!(control("hello<s></s>x"), control("hellox"));
    let raw = Prompt::Text("hello</s>x".to_owned());
    assert!(session.prompt_ids(&raw).unwrap().contains(&EOS));
}

#[test]
fn a_conversation_costs_its_new_words() {
    let script = [word("hello"), word("x"), EOS];
    let first = turns(&["hello"]);
    let mut session = Fake::default().session_of(gguf(Some(WITH_BOS)), 256);
    let prompt_len = session.prompt_ids(&first).unwrap().len();
    session = Fake::script(prompt_len, &script).session_of(gguf(Some(WITH_BOS)), 256);
    let answer = generate(&mut session, Request::new(first));
    assert_eq!((answer.text.as_str(), answer.reason()), ("hellox", "stop"));
    let mut next = session.generate(Request::new(turns(&["hello", "hellox", "x"]))).unwrap();
    let summary = next.summary();
    assert!(summary.reused_tokens >= prompt_len - 1, "{summary:?}");
    assert!(summary.prompt_tokens > summary.reused_tokens);
    next.cancel();
}

#[test]
fn a_template_that_throws_is_a_sentence() {
    let template = "{{ raise_exception('no system, please') }}";
    let mut session = Fake::default().session_of(gguf(Some(template)), 64);
    let error = session.generate(Request::new(turns(&["hello"]))).err().unwrap();
    assert!(error.to_string().contains("no system, please"), "{error}");
    assert_eq!(error.code(), "model.template");
}

#[test]
fn a_conversation_may_bring_its_template() {
    const GO: &str = "{{ if .Suffix }}<s>{{ .Prompt }}[]{{ .Suffix }}{{ else }}\
                      {{ range .Messages }}<s>{{ .Content }}{{ end }}{{ json .Tools }}{{ end }}";
    let session = Fake::default().session_of(gguf(Some(WITH_BOS)), 256);
    let template = Template::parse(GO, &SpecialTokens::default()).unwrap();
    let messages = Turns::Messages(vec![Message::new("user", "a</s>b")]);
    let hole = || Turns::Hole { prompt: "x</s>".into(), suffix: "y".into() };
    let options = RenderOptions { tools: Some(serde_json::json!([])), ..RenderOptions::answer() };
    let other = Some(Arc::new(template));
    for (turns, template, want) in [
        (messages.clone(), None, Ok("<s>user:a</s>b\na:")),
        (messages, other.clone(), Ok("<s>a</s>b[]")),
        (hole(), other, Ok("<s>x</s>[]y")),
        (hole(), None, Err("does not support insert")),
    ] {
        let conversation = Conversation { turns, options: options.clone(), template };
        let text = session.render(&conversation).map_err(|error| error.to_string());
        match want {
            Ok(want) => assert_eq!(text.as_deref(), Ok(want)),
            Err(want) => assert!(text.unwrap_err().contains(want)),
        }
        // What people wrote is no control token, whoever renders it.
        if want.is_ok() {
            let ids = session.prompt_ids(&Prompt::Conversation(Box::new(conversation))).unwrap();
            assert_eq!(ids.iter().filter(|&&id| id == BOS).count(), 1);
            assert!(!ids.contains(&EOS), "{want:?}");
        }
    }
}

#[test]
fn marks_before_tool_calls_are_shown_where_they_are_asked_for() {
    let script = [BOS, word("hello"), BOS, word("x")];
    for (show, want) in [(vec![], "hellox"), (vec!["<s>".to_owned()], "<s>hello<s>x")] {
        let mut session = Fake::script(2, &script).session(64);
        let request = Request::new(Prompt::Tokens(vec![BOS, 40]));
        assert_eq!(generate(&mut session, Request { show, ..request }).text, want);
    }
}
