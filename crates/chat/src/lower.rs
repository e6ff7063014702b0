//! Rewrites a parsed template so that every operation that can grow or differ from Python goes
//! through a function of ours.
//!
//! The interpreter's own operators are close to Jinja2's, not equal (slices, `%` on strings,
//! iterating text, methods against dictionary keys), and they allocate without a bound: `'A' * n`
//! and forty doublings in a loop are one instruction each. Rather than to fork the interpreter, the
//! syntax tree is printed back as a template in which `a + b` reads `__add(a, b)`, `x[1:]` reads
//! `__slice(x, 1, none, none)` and every list, filter and call result passes through `__keep`,
//! where it is counted. Whitespace control is gone by then: text is printed as string constants.

use std::fmt::Write;

use minijinja::machinery::ast::{
    BinOpKind, Call, CallArg, CallType, Compare, CompareOpKind, Expr, ForLoop, IfCond, Macro, Stmt,
    UnaryOpKind,
};
use minijinja::value::ValueKind;

use crate::methods::is_python_method;

/// A rewritten template, and the names it depends on.
#[derive(Default)]
pub(crate) struct Lowered {
    /// Source without whitespace control.
    pub source: String,
    /// Filters used outside of conditions, with their lines.
    pub filters: Vec<(String, usize)>,
    /// Tests used outside of conditions, with their lines.
    pub tests: Vec<(String, usize)>,
}

/// The template `stmt` with checked operations.
pub(crate) fn lower(stmt: &Stmt<'_>) -> Lowered {
    let mut printer = Printer::default();
    printer.stmt(stmt);
    Lowered {
        source: printer.out,
        filters: printer.filters,
        tests: printer.tests,
    }
}

#[derive(Default)]
struct Printer {
    out: String,
    /// Inside a branch that may not run: like Jinja2, unknown names there are errors only if it does.
    conditional: bool,
    filters: Vec<(String, usize)>,
    tests: Vec<(String, usize)>,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn body(&mut self, body: &[Stmt<'_>]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt<'_>) {
        match stmt {
            Stmt::Template(t) => self.body(&t.children),
            Stmt::EmitExpr(e) => self.print_expr(&e.expr),
            Stmt::EmitRaw(raw) => {
                self.put("{{");
                self.string(raw.raw);
                self.put("}}");
            }
            Stmt::ForLoop(f) => self.for_loop(f),
            Stmt::IfCond(i) => self.if_cond(i),
            Stmt::WithBlock(w) => {
                self.put("{% with ");
                for (n, (target, value)) in w.assignments.iter().enumerate() {
                    self.put(if n > 0 { ", " } else { "" });
                    self.target(target);
                    self.put("=");
                    self.expr(value);
                }
                self.block_end(&w.body, "endwith");
            }
            Stmt::Set(s) => {
                self.put("{% set ");
                self.target(&s.target);
                self.put(" = ");
                if matches!(s.target, Expr::GetAttr(_)) {
                    self.call("__store", &[&s.expr]);
                } else {
                    self.expr(&s.expr);
                }
                self.put(" %}");
            }
            Stmt::SetBlock(s) => {
                self.put("{% set ");
                self.target(&s.target);
                if let Some(filter) = &s.filter {
                    self.put(" | ");
                    self.filter_chain(filter);
                }
                self.block_end(&s.body, "endset");
            }
            Stmt::AutoEscape(a) => self.body(&a.body),
            Stmt::FilterBlock(f) => {
                self.put("{% filter ");
                self.filter_chain(&f.filter);
                self.block_end(&f.body, "endfilter");
            }
            Stmt::Macro(m) => {
                let _ = write!(self.out, "{{% macro {}(", m.name);
                self.macro_tail(m, "endmacro");
            }
            Stmt::CallBlock(c) => {
                self.put("{% call(");
                self.params(&c.macro_decl);
                self.put(") ");
                self.raw_call(&c.call);
                self.block_end(&c.macro_decl.body, "endcall");
            }
            // A block is a scope where nothing inherits; other files cannot be reached.
            Stmt::Block(b) => {
                self.put("{% with");
                self.block_end(&b.body, "endwith");
            }
            Stmt::Import(_) | Stmt::FromImport(_) | Stmt::Extends(_) | Stmt::Include(_) => {
                self.put("{{ raise_exception(\"chat templates cannot load other files\") }}");
            }
            Stmt::Continue(_) => self.put("{% continue %}"),
            Stmt::Break(_) => self.put("{% break %}"),
            Stmt::Do(d) => {
                self.put("{% set __unused = ");
                self.call_expr(&d.call);
                self.put(" %}");
            }
        }
    }

    fn block_end(&mut self, body: &[Stmt<'_>], end: &str) {
        self.put(" %}");
        self.body(body);
        let _ = write!(self.out, "{{% {end} %}}");
    }

    /// `{{ expr }}`; a recursive loop call stays as it is, the interpreter treats it specially.
    fn print_expr(&mut self, expr: &Expr<'_>) {
        self.put("{{ ");
        self.expr(expr);
        self.put(" }}");
    }

    fn for_loop(&mut self, f: &ForLoop<'_>) {
        self.put("{% for ");
        self.target(&f.target);
        self.put(" in ");
        self.call("__iter", &[&f.iter]);
        if let Some(condition) = &f.filter_expr {
            self.put(" if ");
            self.expr(condition);
        }
        self.put(if f.recursive { " recursive %}" } else { " %}" });
        self.body(&f.body);
        if !f.else_body.is_empty() {
            self.put("{% else %}");
            self.body(&f.else_body);
        }
        self.put("{% endfor %}");
    }

    fn if_cond(&mut self, i: &IfCond<'_>) {
        self.put("{% if ");
        self.expr(&i.expr);
        self.put(" %}");
        let outer = std::mem::replace(&mut self.conditional, true);
        self.body(&i.true_body);
        let mut rest = &i.false_body;
        // `else` with one `if` inside is an `elif`: printing it so keeps the chain flat.
        while let [Stmt::IfCond(next)] = rest.as_slice() {
            self.put("{% elif ");
            self.expr(&next.expr);
            self.put(" %}");
            self.body(&next.true_body);
            rest = &next.false_body;
        }
        if !rest.is_empty() {
            self.put("{% else %}");
            self.body(rest);
        }
        self.conditional = outer;
        self.put("{% endif %}");
    }

    fn macro_tail(&mut self, m: &Macro<'_>, end: &str) {
        self.params(m);
        self.put(")");
        self.block_end(&m.body, end);
    }

    fn params(&mut self, m: &Macro<'_>) {
        let first_default = m.args.len().saturating_sub(m.defaults.len());
        for (n, arg) in m.args.iter().enumerate() {
            self.put(if n > 0 { ", " } else { "" });
            self.target(arg);
            let default = n.checked_sub(first_default).and_then(|d| m.defaults.get(d));
            if let Some(default) = default {
                self.put("=");
                self.expr(default);
            }
        }
    }

    fn target(&mut self, target: &Expr<'_>) {
        match target {
            Expr::List(list) => {
                self.put("(");
                for item in &list.items {
                    self.target(item);
                    self.put(", ");
                }
                self.put(")");
            }
            Expr::GetAttr(attr) => {
                self.target(&attr.expr);
                let _ = write!(self.out, ".{}", attr.name);
            }
            Expr::Var(var) => self.put(var.id),
            _ => {}
        }
    }

    fn filter_chain(&mut self, filter: &Expr<'_>) {
        if let Expr::Filter(f) = filter {
            if let Some(inner) = &f.expr {
                self.filter_chain(inner);
                self.put(" | ");
            }
            self.note_filter(f.name, f.span().start_line);
            self.put(f.name);
            self.args(&f.args);
        }
    }

    fn note_filter(&mut self, name: &str, line: u16) {
        if !self.conditional {
            self.filters.push((name.to_owned(), usize::from(line)));
        }
    }

    /// `name(a, b)` for one of our functions.
    fn call(&mut self, name: &str, args: &[&Expr<'_>]) {
        self.put(name);
        self.put("(");
        for (n, arg) in args.iter().enumerate() {
            self.put(if n > 0 { ", " } else { "" });
            self.expr(arg);
        }
        self.put(")");
    }

    fn args(&mut self, args: &[CallArg<'_>]) {
        self.put("(");
        self.more_args(args, true);
        self.put(")");
    }

    fn more_args(&mut self, args: &[CallArg<'_>], mut first: bool) {
        for arg in args {
            self.put(if first { "" } else { ", " });
            first = false;
            match arg {
                CallArg::Pos(e) => self.expr(e),
                CallArg::Kwarg(name, e) => {
                    let _ = write!(self.out, "{name}=");
                    self.expr(e);
                }
                CallArg::PosSplat(e) => {
                    self.put("*");
                    self.expr(e);
                }
                CallArg::KwargSplat(e) => {
                    self.put("**");
                    self.expr(e);
                }
            }
        }
    }

    fn list(&mut self, open: &str, items: &[Expr<'_>], close: &str) {
        self.put(open);
        for item in items {
            self.expr(item);
            self.put(", ");
        }
        self.put(close);
    }

    fn expr(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::Var(var) => self.put(var.id),
            Expr::Const(c) => self.constant(&c.value),
            Expr::Slice(s) => {
                self.put("__slice(");
                self.expr(&s.expr);
                for part in [&s.start, &s.stop, &s.step] {
                    self.put(", ");
                    match part {
                        Some(part) => self.expr(part),
                        None => self.put("none"),
                    }
                }
                self.put(")");
            }
            Expr::UnaryOp(u) => {
                self.put(match u.op {
                    UnaryOpKind::Not => "(not ",
                    UnaryOpKind::Neg => "__neg(",
                });
                self.expr(&u.expr);
                self.put(")");
            }
            Expr::BinOp(b) => self.binary(b.op, expr, &b.left, &b.right),
            Expr::Compare(c) => self.compare(c),
            Expr::IfExpr(i) => {
                self.put("(");
                let outer = std::mem::replace(&mut self.conditional, true);
                self.expr(&i.true_expr);
                self.put(" if ");
                self.expr(&i.test_expr);
                if let Some(otherwise) = &i.false_expr {
                    self.put(" else ");
                    self.expr(otherwise);
                }
                self.conditional = outer;
                self.put(")");
            }
            Expr::Filter(f) => {
                self.put("__keep(");
                if let Some(inner) = &f.expr {
                    self.expr(inner);
                }
                self.note_filter(f.name, f.span().start_line);
                let _ = write!(self.out, "|{}", f.name);
                self.args(&f.args);
                self.put(")");
            }
            Expr::Test(t) => {
                self.put("(");
                self.expr(&t.expr);
                if !self.conditional {
                    self.tests
                        .push((t.name.to_owned(), usize::from(t.span().start_line)));
                }
                let _ = write!(self.out, " is {}", t.name);
                self.args(&t.args);
                self.put(")");
            }
            Expr::GetAttr(a) if is_python_method(a.name) => {
                self.put("__attr(");
                self.expr(&a.expr);
                let _ = write!(self.out, ", \"{}\")", a.name);
            }
            Expr::GetAttr(a) => {
                // Everything but a number is printed as something a dot may follow.
                let constant = matches!(a.expr, Expr::Const(_));
                self.put(if constant { "(" } else { "" });
                self.expr(&a.expr);
                let _ = write!(self.out, "{}.{}", if constant { ")" } else { "" }, a.name);
            }
            Expr::GetItem(g) => self.call("__item", &[&g.expr, &g.subscript_expr]),
            Expr::Call(c) => self.call_expr(c),
            Expr::List(l) => self.list("__keep([", &l.items, "])"),
            Expr::Tuple(t) => self.list("__keep((", &t.items, "))"),
            Expr::Map(m) => {
                self.put("__keep({");
                for (key, value) in m.keys.iter().zip(&m.values) {
                    self.expr(key);
                    self.put(": ");
                    self.expr(value);
                    self.put(", ");
                }
                self.put("})");
            }
        }
    }

    /// Chains of one operator become one call, so that a long sum is neither deep nor copied again
    /// for every term.
    fn binary(&mut self, op: BinOpKind, whole: &Expr<'_>, left: &Expr<'_>, right: &Expr<'_>) {
        let word = match op {
            BinOpKind::ScAnd => " and ",
            BinOpKind::ScOr => " or ",
            BinOpKind::Add | BinOpKind::Concat => {
                let mut terms = Vec::new();
                collect(op_key(op), whole, &mut terms);
                return self.call(function_of(op), &terms);
            }
            _ => return self.call(function_of(op), &[left, right]),
        };
        let mut terms = Vec::new();
        collect(op_key(op), whole, &mut terms);
        self.put("(");
        for (n, term) in terms.into_iter().enumerate() {
            self.put(if n > 0 { word } else { "" });
            self.expr(term);
        }
        self.put(")");
    }

    fn compare(&mut self, c: &Compare<'_>) {
        self.put("__cmp(\"");
        for op in &c.ops {
            self.put(match op.op {
                CompareOpKind::Eq => "==,",
                CompareOpKind::Ne => "!=,",
                CompareOpKind::Lt => "<,",
                CompareOpKind::Lte => "<=,",
                CompareOpKind::Gt => ">,",
                CompareOpKind::Gte => ">=,",
                CompareOpKind::In => "in,",
                CompareOpKind::NotIn => "not in,",
            });
        }
        self.put("\", ");
        self.expr(&c.expr);
        for op in &c.ops {
            self.put(", ");
            self.expr(&op.expr);
        }
        self.put(")");
    }

    fn call_expr(&mut self, c: &Call<'_>) {
        match c.identify_call() {
            CallType::Function("loop") => self.raw_call(c),
            CallType::Method(object, name) => {
                self.put("__call(");
                self.expr(object);
                let _ = write!(self.out, ", \"{name}\"");
                self.more_args(&c.args, false);
                self.put(")");
            }
            _ => {
                self.put("__keep(");
                self.raw_call(c);
                self.put(")");
            }
        }
    }

    fn raw_call(&mut self, c: &Call<'_>) {
        match &c.expr {
            Expr::Var(var) => self.put(var.id),
            other => {
                self.put("(");
                self.expr(other);
                self.put(")");
            }
        }
        self.args(&c.args);
    }

    fn constant(&mut self, value: &minijinja::Value) {
        match value.kind() {
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Number if !value.is_integer() => {
                let number = f64::try_from(value.clone()).unwrap_or_default();
                let text = format!("{number:?}");
                // `inf` is what a literal such as `1e999` overflows to.
                self.put(if number.is_finite() { &text } else { "1e999" });
            }
            _ => {
                let _ = write!(self.out, "{value}");
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.put("\"");
        for c in text.chars() {
            match c {
                '"' => self.put("\\\""),
                '\\' => self.put("\\\\"),
                '\n' => self.put("\\n"),
                '\r' => self.put("\\r"),
                _ => self.out.push(c),
            }
        }
        self.put("\"");
    }
}

/// `a + b + c` as `[a, b, c]`.
fn collect<'e, 's>(key: u8, expr: &'e Expr<'s>, terms: &mut Vec<&'e Expr<'s>>) {
    match expr {
        Expr::BinOp(b) if op_key(b.op) == key => {
            collect(key, &b.left, terms);
            terms.push(&b.right);
        }
        other => terms.push(other),
    }
}

fn op_key(op: BinOpKind) -> u8 {
    match op {
        BinOpKind::Add => 1,
        BinOpKind::Concat => 2,
        BinOpKind::ScAnd => 3,
        BinOpKind::ScOr => 4,
        _ => 0,
    }
}

fn function_of(op: BinOpKind) -> &'static str {
    match op {
        BinOpKind::Add => "__add",
        BinOpKind::Concat => "__concat",
        BinOpKind::Sub => "__sub",
        BinOpKind::Mul => "__mul",
        BinOpKind::Div => "__div",
        BinOpKind::FloorDiv => "__floordiv",
        BinOpKind::Rem => "__mod",
        BinOpKind::Pow => "__pow",
        BinOpKind::Eq => "__eq",
        BinOpKind::Ne => "__ne",
        BinOpKind::Lt => "__lt",
        BinOpKind::Lte => "__le",
        BinOpKind::Gt => "__gt",
        BinOpKind::Gte => "__ge",
        BinOpKind::In => "__in",
        // Short-circuit operators are printed as operators.
        BinOpKind::ScAnd | BinOpKind::ScOr => "",
    }
}
