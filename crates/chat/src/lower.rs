//! Rewrites a parsed template so that every operation that can grow or differ from Python goes
//! through a function of ours.
//!
//! The interpreter's own operators are close to Jinja2's, not equal (slices, `%` on strings,
//! iterating text, methods against dictionary keys), and they allocate without a bound: `'A' * n`
//! and forty doublings in a loop are one instruction each. Rather than to fork the interpreter, the
//! syntax tree is printed back as a template in which `a + b` reads `__add(a, b)`, `x[1:]` reads
//! `__slice(x, 1, none, none)` and every list, filter and call result passes through `__keep`,
//! where it is counted. Whitespace control is gone by then: text is printed as string constants.

mod expr;

use std::fmt::Write;

use minijinja::machinery::ast::{Expr, ForLoop, IfCond, Macro, Stmt};

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
    Lowered { source: printer.out, filters: printer.filters, tests: printer.tests }
}

#[derive(Default)]
struct Printer {
    out: String,
    /// Inside a branch that may not run: like Jinja2, unknown names there are errors only if it
    /// does.
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
}
