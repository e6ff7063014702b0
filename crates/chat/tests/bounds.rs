//! Hostile templates: each is refused with a typed error, quickly and within a bounded heap.
//!
//! One table, because every row asks the same: which error, how long, how much memory. The counting
//! allocator is the proof for memory; it sees the whole process, so the rows run in one test.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chat::{ChatTemplate, Error, Family, Message, RenderOptions, SpecialTokens};

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

#[derive(Debug, PartialEq, Clone, Copy)]
enum Want {
    Depth,
    Fuel,
    Output,
    Syntax,
    Size,
    Failed,
    /// Renders, to less than the output limit.
    Text,
}

fn verdict(source: &str) -> Want {
    let outcome = ChatTemplate::with_source(source, SpecialTokens::default()).and_then(|t| {
        let messages = [
            Message::new("user", "Hi"),
            Message::new("assistant", "Hello"),
        ];
        t.render(&messages, &RenderOptions::answer())
    });
    match outcome {
        Ok(text) => {
            assert!(text.len() <= chat::limits::MAX_OUTPUT_BYTES);
            Want::Text
        }
        Err(Error::TemplateDepth) => Want::Depth,
        Err(Error::Fuel) => Want::Fuel,
        Err(Error::OutputLimit) => Want::Output,
        Err(Error::TemplateSyntax { .. }) => Want::Syntax,
        Err(Error::TemplateSize { .. }) => Want::Size,
        Err(Error::Raised { .. } | Error::Failed { .. }) => Want::Failed,
        Err(other) => panic!("{other:?}"),
    }
}

fn table() -> Vec<(&'static str, String, Want)> {
    let ns = |start: &str, times: &str, step: &str, end: &str| {
        format!(
            "{{% set ns = namespace(x={start}) %}}{{% for i in range({times}) %}}\
             {{% set ns.x = {step} %}}{{% endfor %}}{end}"
        )
    };
    let s = str::to_owned;
    vec![
        (
            "50,000 nested ifs",
            "{% if 1 %}".repeat(50_000),
            Want::Depth,
        ),
        (
            "100,000 parentheses",
            format!("{{{{ {}", "(".repeat(100_000)),
            Want::Depth,
        ),
        (
            "100,000 terms",
            format!("{{{{ 1{} }}}}", "+1".repeat(100_000)),
            Want::Depth,
        ),
        (
            "nested lists",
            format!("{{{{ {}{} }}}}", "[".repeat(5000), "]".repeat(5000)),
            Want::Depth,
        ),
        (
            "a macro calling itself",
            s("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
            Want::Depth,
        ),
        (
            "two macros calling each other",
            s("{% macro a() %}{{ b() }}{% endmacro %}\
             {% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"),
            Want::Depth,
        ),
        (
            "a recursive loop",
            s("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
            Want::Depth,
        ),
        (
            "lists nested in a loop",
            ns("[]", "20000", "[ns.x]", ""),
            Want::Depth,
        ),
        (
            "lists nested by a filter",
            ns("[1]", "20000", "ns.x|batch(1)|list", ""),
            Want::Depth,
        ),
        (
            "dicts nested in a loop",
            ns("{}", "20000", "{'a': ns.x}", ""),
            Want::Depth,
        ),
        (
            "a namespace in itself",
            s("{% set n = namespace() %}{% set n.n = n %}{{ n }}"),
            Want::Depth,
        ),
        (
            "a namespace in its list",
            s("{% set n = namespace() %}{% set n.n = [n] %}{{ n.n }}"),
            Want::Depth,
        ),
        (
            "range(10**9)",
            s("{% for i in range(10**9) %}{% endfor %}"),
            Want::Fuel,
        ),
        (
            "100k x 100k",
            s("{% for i in range(100000) %}{% for j in range(100000) %}\
             {% endfor %}{% endfor %}"),
            Want::Fuel,
        ),
        (
            "repeated comparison",
            s("{% set a = 'A' * 4000000 %}{% set b = a ~ '' %}\
             {% for i in range(100000) %}{% if a == b %}{% endif %}{% endfor %}"),
            Want::Fuel,
        ),
        (
            "repeated search",
            s("{% set a = 'A' * 4000000 %}\
             {% for i in range(100000) %}{% if 'B' in a %}{% endif %}{% endfor %}"),
            Want::Fuel,
        ),
        (
            "exponential sharing",
            ns("[1]", "60", "[ns.x, ns.x]", "{{ ns.x == ns.x }}"),
            Want::Fuel,
        ),
        ("'A' * 10**9", s("{{ 'A' * 10**9 }}"), Want::Output),
        ("[1] * 10**9", s("{{ [1] * 10**9 }}"), Want::Output),
        (
            "doubling by +",
            ns("'A'", "40", "ns.x + ns.x", "{{ ns.x }}"),
            Want::Output,
        ),
        (
            "doubling by ~",
            ns("'A'", "40", "ns.x ~ ns.x", "{{ ns.x }}"),
            Want::Output,
        ),
        (
            "doubling lists",
            ns("[1]", "40", "ns.x + ns.x", "{{ ns.x|length }}"),
            Want::Output,
        ),
        (
            "doubling by replace",
            ns("'A'", "40", "ns.x|replace('A', 'AA')", ""),
            Want::Output,
        ),
        (
            "doubling by method",
            ns("'A'", "40", "ns.x.replace('A', 'AA')", ""),
            Want::Output,
        ),
        (
            "doubling by join",
            ns("'A'", "40", "[ns.x, ns.x]|join", ""),
            Want::Output,
        ),
        (
            "doubling by format",
            ns("'A'", "40", "'%s%s' % (ns.x, ns.x)", ""),
            Want::Output,
        ),
        (
            "doubling by str.format",
            ns("'A'", "40", "'{0}{0}'.format(ns.x)", ""),
            Want::Output,
        ),
        (
            "doubling by set block",
            ns("'A'", "40", "ns.x", "").replace(
                "{% set ns.x = ns.x %}",
                "{% set t %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = t %}",
            ),
            Want::Output,
        ),
        (
            "doubling by macro",
            s("{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}\
             {% set ns = namespace(x='A') %}{% for i in range(40) %}{% set ns.x = d(ns.x) %}{% endfor %}"),
            Want::Output,
        ),
        ("wide field", s("{{ '%1000000000d' % 1 }}"), Want::Output),
        (
            "wide field by star",
            s("{{ '%*d' % (1000000000, 1) }}"),
            Want::Failed,
        ),
        (
            "wide str.format",
            s("{{ '{:1000000000}'.format(1) }}"),
            Want::Output,
        ),
        (
            "wide nested field",
            s("{{ '{:{}}'.format('a', 1000000000) }}"),
            Want::Failed,
        ),
        (
            "wide center",
            s("{{ 'a'|center(1000000000) }}"),
            Want::Output,
        ),
        ("wide ljust", s("{{ 'a'.ljust(1000000000) }}"), Want::Output),
        (
            "wide indent",
            s("{{ 'a\nb'|indent(1000000000) }}"),
            Want::Output,
        ),
        (
            "wide tojson",
            s("{{ [[[1]]]|tojson(indent=1000000000) }}"),
            Want::Output,
        ),
        (
            "long text forever",
            format!(
                "{{% for i in range(100000) %}}{}{{% endfor %}}",
                "x".repeat(1000)
            ),
            Want::Output,
        ),
        (
            "captured forever",
            format!(
                "{{% set x %}}{{% for i in range(100000) %}}{}{{% endfor %}}{{% endset %}}",
                "x".repeat(1000)
            ),
            Want::Output,
        ),
        (
            "lists kept alive",
            ns("[]", "100000", "ns.x + [range(1000)|list]", ""),
            Want::Fuel,
        ),
        (
            "joined many times",
            s("{% set l = ['A' * 1000] * 1000 %}{{ (l * 100)|join|length }}"),
            Want::Output,
        ),
        (
            "deep json",
            s("{{ ([1] * 100000)|map('list')|list|tojson|length }}"),
            Want::Failed,
        ),
        ("unclosed block", s("{% if 1 %}"), Want::Syntax),
        ("unclosed variable", s("{{ 1"), Want::Syntax),
        ("unclosed string", s("{{ 'a }}"), Want::Syntax),
        ("unclosed raw", s("{% raw %}a"), Want::Syntax),
        ("unknown tag", s("{% frobnicate %}"), Want::Syntax),
        ("unknown filter", s("{{ 1|frobnicate }}"), Want::Syntax),
        ("unknown test", s("{{ 1 is frobnicate }}"), Want::Syntax),
        ("10 MiB of text", "x".repeat(10 << 20), Want::Size),
        (
            "host objects by class",
            s("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
            Want::Failed,
        ),
        (
            "host objects by cycler",
            s("{{ cycler('a').__init__.__globals__.os.popen('id') }}"),
            Want::Failed,
        ),
        (
            "host objects by attr",
            s("{{ (''|attr('__class__')).__mro__ }}"),
            Want::Failed,
        ),
        (
            "host objects by format",
            s("{{ '{0.__class__.__init__}'.format('a') }}"),
            Want::Failed,
        ),
        (
            "host objects by import",
            s("{% import 'os' as os %}{{ os }}"),
            Want::Failed,
        ),
        (
            "host objects by include",
            s("{% include '/etc/passwd' %}"),
            Want::Failed,
        ),
        (
            "changing a list",
            s("{{ messages.append(1) }}"),
            Want::Failed,
        ),
        (
            "changing a dict",
            s("{{ messages[0].update({'a': 1}) }}"),
            Want::Failed,
        ),
        ("raising", s("{{ raise_exception('no') }}"), Want::Failed),
        ("calling text", s("{{ 'a'() }}"), Want::Failed),
        (
            "dividing by zero",
            s("{{ 1 // 0 }}{{ 1 % 0 }}"),
            Want::Failed,
        ),
        ("huge power", s("{{ 9 ** 9 ** 9 }}"), Want::Failed),
        (
            "huge slice",
            s("{{ [1,2][::-9223372036854775808] }}{{ 'ab'[9223372036854775807:] }}"),
            Want::Text,
        ),
        (
            "user text as template",
            s("{{ '{{ 1 + 1 }}{% if %}' }}"),
            Want::Text,
        ),
    ]
}

#[test]
fn hostile_templates_are_refused_within_bounds() {
    let mut wrong = Vec::new();
    for (name, source, want) in table() {
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let start = Instant::now();
        let got = verdict(&source);
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
    let text = template
        .render(&[Message::new("user", "Hi")], &RenderOptions::answer())
        .unwrap();
    assert_eq!(
        text,
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    );
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
    let error = template
        .render_json(&deep, &RenderOptions::default())
        .unwrap_err();
    assert!(matches!(error, Error::Messages { .. }), "{error:?}");
}
