//! Prompts as text and as conversations: beginnings, templates, and the next turn.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use chat::Message;
use common::*;
use engine::{Prompt, Request};

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
