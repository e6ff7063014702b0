//! The hostile templates and what must become of each.

/// What must become of a template.
#[derive(Debug, PartialEq, Clone, Copy)]
pub enum Want {
    Depth,
    Fuel,
    Output,
    Syntax,
    Size,
    Failed,
    /// Renders, to less than the output limit.
    Text,
}

/// Name and source of a template.
type Case = (&'static str, String);

/// Name, source, outcome.
pub fn table() -> Vec<(&'static str, String, Want)> {
    [
        (depth(), Want::Depth),
        (fuel(), Want::Fuel),
        (doubling(), Want::Output),
        (output(), Want::Output),
        (syntax(), Want::Syntax),
        (vec![("10 MiB of text", "x".repeat(10 << 20))], Want::Size),
        (failed(), Want::Failed),
        (text(), Want::Text),
    ]
    .into_iter()
    .flat_map(|(cases, want)| cases.into_iter().map(move |(name, source)| (name, source, want)))
    .collect()
}

/// A loop that sets `ns.x` to `start`, then `times` times to `step`; `end` follows.
fn ns(start: &str, times: &str, step: &str, end: &str) -> String {
    format!(
        "{{% set ns = namespace(x={start}) %}}{{% for i in range({times}) %}}\
         {{% set ns.x = {step} %}}{{% endfor %}}{end}"
    )
}

fn s(source: &str) -> String {
    source.to_owned()
}

/// Nested deeper than the interpreter goes.
fn depth() -> Vec<Case> {
    vec![
        ("50,000 nested ifs", "{% if 1 %}".repeat(50_000)),
        ("100,000 parentheses", format!("{{{{ {}", "(".repeat(100_000))),
        ("100,000 terms", format!("{{{{ 1{} }}}}", "+1".repeat(100_000))),
        ("nested lists", format!("{{{{ {}{} }}}}", "[".repeat(5000), "]".repeat(5000))),
        ("a macro calling itself", s("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")),
        (
            "two macros calling each other",
            s("{% macro a() %}{{ b() }}{% endmacro %}\
             {% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"),
        ),
        ("a recursive loop", s("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}")),
        ("lists nested in a loop", ns("[]", "20000", "[ns.x]", "")),
        ("lists nested by a filter", ns("[1]", "20000", "ns.x|batch(1)|list", "")),
        ("dicts nested in a loop", ns("{}", "20000", "{'a': ns.x}", "")),
        ("a namespace in itself", s("{% set n = namespace() %}{% set n.n = n %}{{ n }}")),
        ("a namespace in its list", s("{% set n = namespace() %}{% set n.n = [n] %}{{ n.n }}")),
    ]
}

/// More steps than a template gets.
fn fuel() -> Vec<Case> {
    vec![
        ("range(10**9)", s("{% for i in range(10**9) %}{% endfor %}")),
        (
            "100k x 100k",
            s("{% for i in range(100000) %}{% for j in range(100000) %}\
             {% endfor %}{% endfor %}"),
        ),
        (
            "repeated comparison",
            s("{% set a = 'A' * 4000000 %}{% set b = a ~ '' %}\
             {% for i in range(100000) %}{% if a == b %}{% endif %}{% endfor %}"),
        ),
        (
            "repeated search",
            s("{% set a = 'A' * 4000000 %}\
             {% for i in range(100000) %}{% if 'B' in a %}{% endif %}{% endfor %}"),
        ),
        ("exponential sharing", ns("[1]", "60", "[ns.x, ns.x]", "{{ ns.x == ns.x }}")),
        ("lists kept alive", ns("[]", "100000", "ns.x + [range(1000)|list]", "")),
    ]
}

/// Text that doubles with each step.
fn doubling() -> Vec<Case> {
    vec![
        ("doubling by +", ns("'A'", "40", "ns.x + ns.x", "{{ ns.x }}")),
        ("doubling by ~", ns("'A'", "40", "ns.x ~ ns.x", "{{ ns.x }}")),
        ("doubling lists", ns("[1]", "40", "ns.x + ns.x", "{{ ns.x|length }}")),
        ("doubling by replace", ns("'A'", "40", "ns.x|replace('A', 'AA')", "")),
        ("doubling by method", ns("'A'", "40", "ns.x.replace('A', 'AA')", "")),
        ("doubling by join", ns("'A'", "40", "[ns.x, ns.x]|join", "")),
        ("doubling by format", ns("'A'", "40", "'%s%s' % (ns.x, ns.x)", "")),
        ("doubling by str.format", ns("'A'", "40", "'{0}{0}'.format(ns.x)", "")),
        (
            "doubling by set block",
            ns("'A'", "40", "ns.x", "").replace(
                "{% set ns.x = ns.x %}",
                "{% set t %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = t %}",
            ),
        ),
        (
            "doubling by macro",
            s("{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}\
             {% set ns = namespace(x='A') %}\
             {% for i in range(40) %}{% set ns.x = d(ns.x) %}{% endfor %}"),
        ),
    ]
}

/// Text or memory beyond the limit in other ways.
fn output() -> Vec<Case> {
    vec![
        ("'A' * 10**9", s("{{ 'A' * 10**9 }}")),
        ("[1] * 10**9", s("{{ [1] * 10**9 }}")),
        ("wide field", s("{{ '%1000000000d' % 1 }}")),
        ("wide str.format", s("{{ '{:1000000000}'.format(1) }}")),
        ("wide center", s("{{ 'a'|center(1000000000) }}")),
        ("wide ljust", s("{{ 'a'.ljust(1000000000) }}")),
        ("wide indent", s("{{ 'a\nb'|indent(1000000000) }}")),
        ("wide tojson", s("{{ [[[1]]]|tojson(indent=1000000000) }}")),
        (
            "long text forever",
            format!("{{% for i in range(100000) %}}{}{{% endfor %}}", "x".repeat(1000)),
        ),
        (
            "captured forever",
            format!(
                "{{% set x %}}{{% for i in range(100000) %}}{}{{% endfor %}}{{% endset %}}",
                "x".repeat(1000)
            ),
        ),
        ("joined many times", s("{% set l = ['A' * 1000] * 1000 %}{{ (l * 100)|join|length }}")),
    ]
}

/// Not templates at all.
fn syntax() -> Vec<Case> {
    vec![
        ("unclosed block", s("{% if 1 %}")),
        ("unclosed variable", s("{{ 1")),
        ("unclosed string", s("{{ 'a }}")),
        ("unclosed raw", s("{% raw %}a")),
        ("unknown tag", s("{% frobnicate %}")),
        ("unknown filter", s("{{ 1|frobnicate }}")),
        ("unknown test", s("{{ 1 is frobnicate }}")),
    ]
}

/// Refused while rendering: host objects, changes, impossible arithmetic.
fn failed() -> Vec<Case> {
    vec![
        ("wide field by star", s("{{ '%*d' % (1000000000, 1) }}")),
        ("wide nested field", s("{{ '{:{}}'.format('a', 1000000000) }}")),
        ("deep json", s("{{ ([1] * 100000)|map('list')|list|tojson|length }}")),
        ("host objects by class", s("{{ ''.__class__.__mro__[1].__subclasses__() }}")),
        ("host objects by cycler", s("{{ cycler('a').__init__.__globals__.os.popen('id') }}")),
        ("host objects by attr", s("{{ (''|attr('__class__')).__mro__ }}")),
        ("host objects by format", s("{{ '{0.__class__.__init__}'.format('a') }}")),
        ("host objects by import", s("{% import 'os' as os %}{{ os }}")),
        ("host objects by include", s("{% include '/etc/passwd' %}")),
        ("changing a list", s("{{ messages.append(1) }}")),
        ("changing a dict", s("{{ messages[0].update({'a': 1}) }}")),
        ("raising", s("{{ raise_exception('no') }}")),
        ("calling text", s("{{ 'a'() }}")),
        ("dividing by zero", s("{{ 1 // 0 }}{{ 1 % 0 }}")),
        ("huge power", s("{{ 9 ** 9 ** 9 }}")),
    ]
}

/// Odd, but fine.
fn text() -> Vec<Case> {
    vec![
        ("huge slice", s("{{ [1,2][::-9223372036854775808] }}{{ 'ab'[9223372036854775807:] }}")),
        ("user text as template", s("{{ '{{ 1 + 1 }}{% if %}' }}")),
    ]
}
