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

/// Name, source, outcome.
pub fn table() -> Vec<(&'static str, String, Want)> {
    let ns = |start: &str, times: &str, step: &str, end: &str| {
        format!(
            "{{% set ns = namespace(x={start}) %}}{{% for i in range({times}) %}}\
             {{% set ns.x = {step} %}}{{% endfor %}}{end}"
        )
    };
    let s = str::to_owned;
    vec![
        ("50,000 nested ifs", "{% if 1 %}".repeat(50_000), Want::Depth),
        ("100,000 parentheses", format!("{{{{ {}", "(".repeat(100_000)), Want::Depth),
        ("100,000 terms", format!("{{{{ 1{} }}}}", "+1".repeat(100_000)), Want::Depth),
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
        ("lists nested in a loop", ns("[]", "20000", "[ns.x]", ""), Want::Depth),
        ("lists nested by a filter", ns("[1]", "20000", "ns.x|batch(1)|list", ""), Want::Depth),
        ("dicts nested in a loop", ns("{}", "20000", "{'a': ns.x}", ""), Want::Depth),
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
        ("range(10**9)", s("{% for i in range(10**9) %}{% endfor %}"), Want::Fuel),
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
        ("exponential sharing", ns("[1]", "60", "[ns.x, ns.x]", "{{ ns.x == ns.x }}"), Want::Fuel),
        ("'A' * 10**9", s("{{ 'A' * 10**9 }}"), Want::Output),
        ("[1] * 10**9", s("{{ [1] * 10**9 }}"), Want::Output),
        ("doubling by +", ns("'A'", "40", "ns.x + ns.x", "{{ ns.x }}"), Want::Output),
        ("doubling by ~", ns("'A'", "40", "ns.x ~ ns.x", "{{ ns.x }}"), Want::Output),
        ("doubling lists", ns("[1]", "40", "ns.x + ns.x", "{{ ns.x|length }}"), Want::Output),
        ("doubling by replace", ns("'A'", "40", "ns.x|replace('A', 'AA')", ""), Want::Output),
        ("doubling by method", ns("'A'", "40", "ns.x.replace('A', 'AA')", ""), Want::Output),
        ("doubling by join", ns("'A'", "40", "[ns.x, ns.x]|join", ""), Want::Output),
        ("doubling by format", ns("'A'", "40", "'%s%s' % (ns.x, ns.x)", ""), Want::Output),
        ("doubling by str.format", ns("'A'", "40", "'{0}{0}'.format(ns.x)", ""), Want::Output),
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
             {% set ns = namespace(x='A') %}\
             {% for i in range(40) %}{% set ns.x = d(ns.x) %}{% endfor %}"),
            Want::Output,
        ),
        ("wide field", s("{{ '%1000000000d' % 1 }}"), Want::Output),
        ("wide field by star", s("{{ '%*d' % (1000000000, 1) }}"), Want::Failed),
        ("wide str.format", s("{{ '{:1000000000}'.format(1) }}"), Want::Output),
        ("wide nested field", s("{{ '{:{}}'.format('a', 1000000000) }}"), Want::Failed),
        ("wide center", s("{{ 'a'|center(1000000000) }}"), Want::Output),
        ("wide ljust", s("{{ 'a'.ljust(1000000000) }}"), Want::Output),
        ("wide indent", s("{{ 'a\nb'|indent(1000000000) }}"), Want::Output),
        ("wide tojson", s("{{ [[[1]]]|tojson(indent=1000000000) }}"), Want::Output),
        (
            "long text forever",
            format!("{{% for i in range(100000) %}}{}{{% endfor %}}", "x".repeat(1000)),
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
        ("lists kept alive", ns("[]", "100000", "ns.x + [range(1000)|list]", ""), Want::Fuel),
        (
            "joined many times",
            s("{% set l = ['A' * 1000] * 1000 %}{{ (l * 100)|join|length }}"),
            Want::Output,
        ),
        ("deep json", s("{{ ([1] * 100000)|map('list')|list|tojson|length }}"), Want::Failed),
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
        ("host objects by attr", s("{{ (''|attr('__class__')).__mro__ }}"), Want::Failed),
        ("host objects by format", s("{{ '{0.__class__.__init__}'.format('a') }}"), Want::Failed),
        ("host objects by import", s("{% import 'os' as os %}{{ os }}"), Want::Failed),
        ("host objects by include", s("{% include '/etc/passwd' %}"), Want::Failed),
        ("changing a list", s("{{ messages.append(1) }}"), Want::Failed),
        ("changing a dict", s("{{ messages[0].update({'a': 1}) }}"), Want::Failed),
        ("raising", s("{{ raise_exception('no') }}"), Want::Failed),
        ("calling text", s("{{ 'a'() }}"), Want::Failed),
        ("dividing by zero", s("{{ 1 // 0 }}{{ 1 % 0 }}"), Want::Failed),
        ("huge power", s("{{ 9 ** 9 ** 9 }}"), Want::Failed),
        (
            "huge slice",
            s("{{ [1,2][::-9223372036854775808] }}{{ 'ab'[9223372036854775807:] }}"),
            Want::Text,
        ),
        ("user text as template", s("{{ '{{ 1 + 1 }}{% if %}' }}"), Want::Text),
    ]
}
