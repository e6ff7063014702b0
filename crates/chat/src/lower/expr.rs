//! Printing expressions: operators become calls, results of literals, filters and calls are kept.

use std::fmt::Write;

use minijinja::machinery::ast::{
    BinOpKind, Call, CallArg, CallType, Compare, CompareOpKind, Expr, UnaryOpKind,
};
use minijinja::value::ValueKind;

use super::Printer;
use crate::methods::is_python_method;

impl Printer {
    pub(super) fn filter_chain(&mut self, filter: &Expr<'_>) {
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
    pub(super) fn call(&mut self, name: &str, args: &[&Expr<'_>]) {
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

    pub(super) fn expr(&mut self, expr: &Expr<'_>) {
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
                    self.tests.push((t.name.to_owned(), usize::from(t.span().start_line)));
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

    pub(super) fn call_expr(&mut self, c: &Call<'_>) {
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

    pub(super) fn raw_call(&mut self, c: &Call<'_>) {
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

    pub(super) fn string(&mut self, text: &str) {
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
