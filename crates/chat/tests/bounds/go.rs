//! Hostile templates in Go's language and what must become of each.

use super::table::Want;

/// Name, source, outcome.
pub fn table() -> Vec<(&'static str, String, Want)> {
    let nest = |n: usize| "{{if 1}}".repeat(n) + &"{{end}}".repeat(n);
    let grow = |step: &str| format!("{{{{$x := \"ab\"}}}}{{{{range 1000}}}}{step}{{{{end}}}}");
    let call = "{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}";
    let chain = "{{if 1}}".to_owned() + &"{{else if 1}}".repeat(15_000) + "{{end}}";
    vec![
        ("go: 15 000 nested if", nest(15_000), Want::Depth),
        (
            "go: parentheses",
            format!("{{{{{}1{}}}}}", "(".repeat(9_000), ")".repeat(9_000)),
            Want::Depth,
        ),
        ("go: a template that calls itself", call.to_owned(), Want::Depth),
        ("go: a range without end", "{{range 1000000000000}}{{end}}".to_owned(), Want::Fuel),
        (
            "go: loops in loops",
            "{{range 10000}}{{range 10000}}{{range 10000}}{{end}}{{end}}{{end}}".to_owned(),
            Want::Fuel,
        ),
        ("go: doubling", grow("{{$x = print $x $x}}"), Want::Output),
        ("go: doubling by printf", grow("{{$x = printf \"%s%s\" $x $x}}"), Want::Output),
        ("go: doubling by json", grow("{{$x = json (print $x $x)}}"), Want::Output),
        ("go: growing by json", grow("{{$x = json $x}}"), Want::Output),
        ("go: growing by quotes", grow("{{$x = printf \"%q%q\" $x $x}}"), Want::Output),
        ("go: wide fields", grow("{{$x = printf \"%9999d\" 1}}{{$x}}"), Want::Output),
        ("go: output", grow(&"x".repeat(9_000)), Want::Output),
        ("go: 10 MiB of text", "x".repeat(10 << 20), Want::Size),
        ("go: unclosed", "{{if .X".to_owned(), Want::Syntax),
        ("go: no such function", "{{exec \"ls\"}}".to_owned(), Want::Syntax),
        ("go: no such field", "{{range .Messages}}{{.Nope}}{{end}}".to_owned(), Want::Failed),
        ("go: a long chain of branches", chain, Want::Text),
        ("go: a quarter of a megabyte of actions", "{{1}}".repeat(50_000), Want::Text),
    ]
}
