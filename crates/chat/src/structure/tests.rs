//! Grammars over a small vocabulary: single bytes, a few words, control tokens.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;

/// Bytes 0 to 255, then words, then a control token and the end token.
struct Small {
    tokens: Vec<Vec<u8>>,
    ends: [u32; 1],
}

const WORDS: [&str; 12] =
    ["{\"", "\":", "\": \"", "\"}", "name", "true", "null", "12", " ", "  ", "answer", "é"];

impl Small {
    fn source() -> Arc<dyn TokenSource> {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        tokens.extend(WORDS.iter().map(|word| word.as_bytes().to_vec()));
        tokens.push(Vec::new());
        tokens.push(Vec::new());
        let ends = [u32::try_from(tokens.len() - 1).unwrap()];
        Arc::new(Small { tokens, ends })
    }
}

impl TokenSource for Small {
    fn n_vocab(&self) -> usize {
        self.tokens.len()
    }
    fn text_bytes(&self, id: u32) -> Option<&[u8]> {
        self.tokens.get(id as usize).map(Vec::as_slice)
    }
    fn ends(&self) -> &[u32] {
        &self.ends
    }
    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        Some(text.bytes().map(u32::from).collect())
    }
}

fn vocabulary() -> Vocabulary {
    Vocabulary::new(Small::source()).unwrap()
}

fn allows(mask: &[u32], id: u32) -> bool {
    mask[id as usize / MASK_BITS] & (1 << (id % 32)) != 0
}

/// Follows `text` byte by byte: where it is refused first, if so, and whether it may end.
fn follow(constraint: &mut Constraint, text: &str) -> Result<bool, usize> {
    let mut mask = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        constraint.mask(&mut mask).unwrap();
        if !allows(&mask, u32::from(byte)) {
            return Err(at);
        }
        constraint.accept(u32::from(byte)).unwrap();
    }
    Ok(constraint.may_end())
}

#[test]
fn answers_have_the_form_that_was_asked_for() {
    let vocabulary = vocabulary();
    let person = json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "age": { "type": "integer", "minimum": 0 } },
        "required": ["name", "age"],
        "additionalProperties": false,
    });
    let list = json!({ "type": "array", "items": { "enum": ["a", 1, null] }, "maxItems": 2 });
    let tree = json!({ "$ref": "#/$defs/t", "$defs": { "t": {
        "type": "object", "properties": { "t": { "$ref": "#/$defs/t" } },
        "additionalProperties": false,
    }}});
    let lark = "start: \"a\" item+\nitem: /[0-9]/ | \"(\" item \")\"".to_owned();
    let schema = Grammar::JsonSchema;
    let open = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let thought = Grammar::Thought { close: "</think>".to_owned(), schema: open.clone() };
    for (grammar, text, want) in [
        (Grammar::JsonObject, "{\"a\": [1, {}], \"b\": \"x\"}", Ok(true)),
        (Grammar::JsonObject, "[1]", Err(0)),
        (Grammar::JsonObject, "{\"a\": 1", Ok(false)),
        (Grammar::JsonObject, "{ \r\n    \"a\" :\t1\n}", Ok(true)),
        (Grammar::JsonObject, "{\n\n", Err(2)),
        (Grammar::JsonObject, "{      ", Err(5)),
        (schema(person.clone()), "{\"name\": \"é\", \"age\": 3}", Ok(true)),
        (schema(person.clone()), "{\"name\": \"x\", \"age\": -3}", Err(21)),
        (schema(person.clone()), "{\"age\"", Err(2)),
        (schema(person), "{\"name\": \"x\"}", Err(12)),
        (schema(list.clone()), "[\"a\", null]", Ok(true)),
        (schema(list), "[1, 1, 1]", Err(5)),
        (schema(tree), "{\"t\": {\"t\": {}}}", Ok(true)),
        (schema(json!(true)), "[1.5e3]", Ok(true)),
        (schema(open.clone()), "{\"a\": 1}", Ok(true)),
        (schema(open.clone()), "{\"a\": 1,", Err(7)),
        (thought.clone(), "hm { </p>\n</think>\n\n{\"a\": 1}", Ok(true)),
        (thought.clone(), "</think>{}", Ok(true)),
        (thought.clone(), "hm {\"a\": 1}", Ok(false)),
        (thought.clone(), "hm</think>\nhm", Err(11)),
        (Grammar::Regex("[ab]+c?".to_owned()), "abbc", Ok(true)),
        (Grammar::Regex("[ab]+c?".to_owned()), "abd", Err(2)),
        (Grammar::Lark(lark.clone()), "a1((2))", Ok(true)),
        (Grammar::Lark(lark), "a)", Err(1)),
    ] {
        let mut constraint = vocabulary.compile(&grammar).unwrap();
        assert_eq!(follow(&mut constraint, text), want, "{grammar:?} {text}");
    }
}

#[test]
fn the_end_is_allowed_where_the_answer_is_complete() {
    let vocabulary = vocabulary();
    let eos = u32::try_from(vocabulary.n_vocab() - 1).unwrap();
    let grammar = Grammar::JsonSchema(json!({ "type": "object", "additionalProperties": false }));
    let mut constraint = vocabulary.compile(&grammar).unwrap();
    let mut mask = Vec::new();
    constraint.mask(&mut mask).unwrap();
    assert!(!allows(&mask, eos) && !allows(&mask, eos - 1) && !constraint.is_done());
    assert_eq!(follow(&mut constraint, "{}"), Ok(true));
    assert!(constraint.is_done() && constraint.forced().is_empty());
    constraint.mask(&mut mask).unwrap();
    let allowed: Vec<u32> = (0..=eos).filter(|&id| allows(&mask, id)).collect();
    assert_eq!(allowed, [eos]);
    constraint.accept(eos).unwrap();

    let mut open = vocabulary.compile(&Grammar::Regex("a+".to_owned())).unwrap();
    assert_eq!(follow(&mut open, "aa"), Ok(true));
    assert!(!open.is_done());
    open.mask(&mut mask).unwrap();
    assert!(allows(&mask, eos) && allows(&mask, u32::from(b'a')));
    open.accept(eos).unwrap();
    assert!(open.is_done());
}

#[test]
fn what_must_come_is_told() {
    let vocabulary = vocabulary();
    let grammar = Grammar::JsonSchema(json!({ "const": "abcdef" }));
    let mut constraint = vocabulary.compile(&grammar).unwrap();
    let forced = constraint.forced();
    let text: String = forced.iter().map(|id| char::from(u8::try_from(*id).unwrap())).collect();
    assert!("\"abcdef\"".starts_with(&text) && text.len() > 4, "{text}");
    for id in forced {
        constraint.accept(id).unwrap();
    }
    let mut wrong = vocabulary.compile(&grammar).unwrap();
    assert!(matches!(wrong.accept(u32::from(b'x')), Err(Error::Stuck { .. })));
    // From then on it says so, and does not claim to be complete.
    assert!(wrong.mask(&mut Vec::new()).is_err() && !wrong.is_done() && !wrong.may_end());
}

#[test]
fn what_cannot_be_enforced_is_named() {
    let vocabulary = vocabulary();
    for (schema, keyword, path) in [
        (json!({ "not": {} }), "not", "#"),
        (
            json!({ "properties": { "a": { "uniqueItems": true } } }),
            "uniqueItems",
            "#/properties/a",
        ),
        (json!({ "items": [{ "if": {} }] }), "if", "#/items/0"),
        (json!({ "items": { "contains": {} } }), "contains", "#/items"),
        (json!({ "anyOf": [{}, { "propertyNames": {} }] }), "propertyNames", "#/anyOf/1"),
        (
            json!({ "$defs": { "x": { "dependentRequired": {} } } }),
            "dependentRequired",
            "#/$defs/x",
        ),
        (json!({ "x-guidance": { "lenient": true } }), "x-guidance", "#"),
        (json!({ "unevaluatedProperties": false }), "unevaluatedProperties", "#"),
    ] {
        let want = Error::Keyword { keyword: keyword.into(), path: path.into() };
        let got = vocabulary.compile(&Grammar::JsonSchema(schema));
        assert_eq!(got.map(|_| ()), Err(want));
    }
    // Names of properties are no keywords.
    let named = json!({ "properties": { "not": { "type": "null" } } });
    assert!(vocabulary.compile(&Grammar::JsonSchema(named)).is_ok());
}

#[test]
fn every_enforced_keyword_compiles() {
    let vocabulary = vocabulary();
    for schema in [
        json!({ "anyOf": [{ "type": "null" }, { "const": 1 }] }),
        json!({ "oneOf": [{ "type": "null" }, { "type": "string", "maxLength": 3 }] }),
        json!({ "allOf": [{ "type": "integer" }, { "minimum": 1 }], "multipleOf": 3 }),
        json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5 }),
        json!({ "type": "array", "prefixItems": [{}], "items": false, "minItems": 1 }),
        json!({ "type": "array", "maxItems": 3 }),
        json!({ "type": "integer", "maximum": 9 }),
        json!({ "type": "string", "pattern": "^a+$", "title": "t", "default": "a" }),
        json!({ "type": "string", "format": "date-time", "minLength": 1 }),
        json!({ "type": "object", "patternProperties": { "^x": { "type": "null" } } }),
        json!({ "type": "object", "properties": { "a": {} }, "required": ["a"] }),
        json!({ "type": "object", "minProperties": 1, "maxProperties": 1 }),
        json!({ "type": ["string", "null"], "enum": ["a", null], "description": "x" }),
    ] {
        let got = vocabulary.compile(&Grammar::JsonSchema(schema.clone()));
        assert!(got.is_ok(), "{schema}: {got:?}");
    }
}

fn nested(n: usize) -> Json {
    (0..n).fold(json!({}), |inner, _| json!({ "items": inner }))
}

fn outcome(grammar: &Grammar, vocabulary: &Vocabulary) -> &'static str {
    match vocabulary.compile(grammar) {
        Ok(_) => "ok",
        Err(Error::Depth { .. }) => "depth",
        Err(Error::Size { .. }) => "size",
        Err(Error::Reference { .. }) => "reference",
        Err(Error::Grammar { .. }) => "grammar",
        Err(other) => panic!("{other:?}"),
    }
}

/// Hostile schemas and grammars by the list of bad inputs, each with the kind of its refusal.
fn hostile() -> Vec<(Grammar, &'static str)> {
    let schema = Grammar::JsonSchema;
    let regex = |text: &str| Grammar::Regex(text.to_owned());
    let many = |n: usize| -> Json {
        Json::Object((0..n).map(|i| (format!("p{i}"), json!({ "type": "null" }))).collect())
    };
    let chain: String = (0..5000).map(|n| format!("r{n}: r{}\n", n + 1)).collect();
    let refs = |n: usize, around: fn(Json) -> Json| -> Json {
        let next = |i: usize| json!({ "$ref": format!("#/$defs/d{}", i + 1) });
        let one = |i: usize| (format!("d{i}"), around(next(i)));
        let mut defs: serde_json::Map<String, Json> = (0..n).map(one).collect();
        defs.insert(format!("d{n}"), json!({ "type": "null" }));
        json!({ "$ref": "#/$defs/d0", "$defs": defs })
    };
    vec![
        (schema(nested(60)), "ok"),
        (schema(nested(100)), "depth"),
        (schema(json!({ "$ref": "#" })), "grammar"),
        (schema(json!({ "$ref": "https://example.org/s.json" })), "reference"),
        (schema(json!({ "$ref": "file.json" })), "reference"),
        (schema(json!({ "$ref": "#/$defs/none" })), "grammar"),
        (schema(refs(5_900, |next| next)), "ok"),
        (schema(refs(6_000, |next| next)), "size"),
        (schema(refs(1_400, |n| json!({ "allOf": [{ "properties": { "x": n } }, {}] }))), "ok"),
        (
            schema(refs(1_400, |n| json!({ "anyOf": [{ "items": n }, { "const": { "a": 1 } }] }))),
            "ok",
        ),
        (schema(json!({ "type": "string", "pattern": "(?<=x)*" })), "grammar"),
        (schema(json!({ "type": "string", "pattern": "(".repeat(100_000) })), "depth"),
        (schema(json!({ "type": "string", "pattern": "(a+)+$" })), "ok"),
        (schema(json!({ "type": "string", "pattern": "\\p{Nope}" })), "grammar"),
        (schema(json!({ "type": "string", "maxLength": 1_000_000_000 })), "size"),
        (schema(json!({ "type": "string", "maxLength": 10_000 })), "ok"),
        (schema(json!({ "type": "array", "minItems": 1e9 })), "size"),
        (schema(json!({ "enum": (0..1_000_000).collect::<Vec<_>>() })), "size"),
        (schema(json!({ "type": "object", "properties": many(100_000) })), "size"),
        (schema(json!({ "type": "object", "properties": many(500) })), "ok"),
        (schema(json!({ "type": "integer", "minimum": 3, "maximum": 2 })), "grammar"),
        (schema(json!({ "enum": [] })), "grammar"),
        (schema(json!({ "type": "wings" })), "grammar"),
        (schema(json!({ "properties": 3 })), "grammar"),
        (schema(json!(false)), "grammar"),
        (schema(json!(3)), "grammar"),
        (regex("(a"), "grammar"),
        (regex("(?=a)b"), "grammar"),
        (regex("(a)\\1"), "grammar"),
        (regex("((a{0,1000}){0,1000}){0,1000}"), "ok"),
        (regex(&"(".repeat(60_000)), "depth"),
        (regex(&"a".repeat(200_000)), "size"),
        (Grammar::Lark("(".repeat(60_000)), "depth"),
        (Grammar::Lark(format!("start: r0\n{chain}")), "size"),
        (Grammar::Lark("start: start \"a\" | \"b\"".to_owned()), "ok"),
        (Grammar::Lark("start: a\na: b\nb: a".to_owned()), "grammar"),
        (Grammar::Lark("start: nope".to_owned()), "grammar"),
        (Grammar::Lark("%import x".to_owned()), "grammar"),
        (Grammar::Lark(String::new()), "grammar"),
    ]
}

#[test]
fn hostile_grammars_are_refused_or_cheap() {
    // The stack of a browser's module.
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let run = thread.spawn(|| {
        let vocabulary = vocabulary();
        let good = Grammar::JsonSchema(json!({ "type": "object" }));
        for (grammar, want) in hostile() {
            let start = std::time::Instant::now();
            let got = outcome(&grammar, &vocabulary);
            let text: String = format!("{grammar:?}").chars().take(90).collect();
            assert_eq!(got, want, "{text}");
            assert!(start.elapsed().as_secs() < 5, "{text}: {:?}", start.elapsed());
            // One bad grammar leaves no trace.
            assert_eq!(outcome(&good, &vocabulary), "ok");
        }
    });
    run.unwrap().join().unwrap();
}

#[test]
fn refusals_say_what_is_wrong() {
    let vocabulary = vocabulary();
    for (grammar, want) in [
        (Grammar::Regex("(a".to_owned()), "unclosed group"),
        (Grammar::Regex("(?=a)b".to_owned()), "look-around"),
        (
            Grammar::JsonSchema(json!({ "type": "integer", "minimum": 3, "maximum": 2 })),
            "minimum (3) is greater",
        ),
        (Grammar::JsonSchema(json!({ "type": "string", "format": "wings" })), "wings"),
        (Grammar::Lark("start: nope".to_owned()), "nope"),
    ] {
        let error = vocabulary.compile(&grammar).unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_step_has_a_bound() {
    // Small as text, and more states than there is memory for if all of it were built.
    let vocabulary = vocabulary();
    let grammar = Grammar::Regex("((a{0,1000}){0,1000}){0,1000}".to_owned());
    let mut constraint = vocabulary.compile(&grammar).unwrap();
    let mut mask = Vec::new();
    let start = std::time::Instant::now();
    let mut outcome = Ok(());
    for _ in 0..2_000 {
        outcome = constraint.mask(&mut mask).and_then(|()| constraint.accept(u32::from(b'a')));
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Ok(()) | Err(Error::Stuck { .. })), "{outcome:?}");
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_vocabulary_needs_text_and_an_end() {
    struct Bad(Vec<Vec<u8>>, Vec<u32>);
    impl TokenSource for Bad {
        fn n_vocab(&self) -> usize {
            self.0.len()
        }
        fn text_bytes(&self, id: u32) -> Option<&[u8]> {
            self.0.get(id as usize).map(Vec::as_slice)
        }
        fn ends(&self) -> &[u32] {
            &self.1
        }
        fn encode(&self, _: &str) -> Option<Vec<u32>> {
            None
        }
    }
    let text = || vec![b"a".to_vec(), b"a".to_vec(), vec![255, 1], vec![b'x'; 5000], Vec::new()];
    for (tokens, ends, is_ok) in [
        (text(), vec![4], true),
        (text(), vec![], false),
        (text(), vec![9], false),
        (vec![Vec::new(), Vec::new()], vec![1], false),
        (Vec::new(), vec![], false),
    ] {
        let got = Vocabulary::new(Arc::new(Bad(tokens, ends)));
        assert_eq!(got.is_ok(), is_ok, "{got:?}");
        if let Ok(vocabulary) = got {
            let mut constraint = vocabulary.compile(&Grammar::Regex("a+".to_owned())).unwrap();
            assert!(constraint.forced().is_empty());
            // A grammar none of whose texts can be written.
            let error = vocabulary.compile(&Grammar::Regex("b".to_owned())).unwrap_err();
            assert!(error.to_string().contains("no token of the model fits the grammar"));
        }
    }
}
