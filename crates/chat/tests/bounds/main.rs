//! Hostile templates: each is refused with a typed error, quickly and within a bounded heap.
//!
//! One table, because every row asks the same: which error, how long, how much memory. The counting
//! allocator is the proof for memory; it sees the whole process, so the rows run in one test.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod go;
mod table;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use table::{Want, table};

use chat::{ChatTemplate, Error, Family, GoTemplate, Message, RenderOptions, SpecialTokens};

struct Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: forwards every call unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Heap one row may use beside what was there before.
const MAX_HEAP: usize = 64 << 20;
/// Time one row may take in an unoptimized build on a busy machine; optimized it is under 0.2 s.
const MAX_TIME: Duration = Duration::from_secs(10);

fn jinja(source: &str, messages: &[Message]) -> Result<String, Error> {
    let template = ChatTemplate::with_source(source, SpecialTokens::default())?;
    template.render(messages, &RenderOptions::answer())
}

fn go_template(source: &str, messages: &[Message]) -> Result<String, Error> {
    GoTemplate::new(source)?.render(messages, &RenderOptions::answer())
}

type Render = fn(&str, &[Message]) -> Result<String, Error>;

fn verdict(source: &str, render: Render) -> Want {
    let messages = [Message::new("user", "Hi"), Message::new("assistant", "Hello")];
    match render(source, &messages) {
        Ok(text) => {
            assert!(text.len() <= chat::limits::MAX_OUTPUT_BYTES);
            Want::Text
        }
        Err(Error::TemplateDepth) => Want::Depth,
        Err(Error::Fuel) => Want::Fuel,
        Err(Error::OutputLimit) => Want::Output,
        Err(Error::TemplateSyntax { .. } | Error::GoSyntax { .. }) => Want::Syntax,
        Err(Error::TemplateSize { .. }) => Want::Size,
        Err(Error::Raised { .. } | Error::Failed { .. }) => Want::Failed,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn hostile_templates_are_refused_within_bounds() {
    let mut wrong = Vec::new();
    let both = [(table(), jinja as Render), (go::table(), go_template as Render)];
    let rows =
        both.into_iter().flat_map(|(rows, render)| rows.into_iter().map(move |r| (r, render)));
    for ((name, source, want), render) in rows {
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let start = Instant::now();
        let got = verdict(&source, render);
        let (time, heap) = (start.elapsed(), PEAK.load(Relaxed).saturating_sub(before));
        if got != want {
            wrong.push(format!("{name}: {got:?}, want {want:?}"));
        }
        if time > MAX_TIME || heap > MAX_HEAP {
            wrong.push(format!("{name}: {time:?}, {} MiB", heap >> 20));
        }
        println!("{name}: {got:?} {time:?} {} KiB", heap >> 10);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_template_becomes_a_stated_fallback() {
    let tokens = SpecialTokens::default();
    let template = ChatTemplate::fallback(Family::ChatMl, &tokens, "the file has no chat template");
    assert!(template.is_fallback() && template.stop_strings().contains(&"<|im_end|>"));
    let text = template.render(&[Message::new("user", "Hi")], &RenderOptions::answer()).unwrap();
    assert_eq!(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    let error = ChatTemplate::with_source("{% if %}", tokens).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn deep_messages_are_refused() {
    let template = ChatTemplate::with_source("{{ messages }}", SpecialTokens::default()).unwrap();
    let mut deep = serde_json::json!("x");
    for _ in 0..500 {
        deep = serde_json::json!([deep]);
    }
    let error = template.render_json(&deep, &RenderOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Messages { .. }), "{error:?}");
}
