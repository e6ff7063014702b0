//! Finds tool calls in an answer that comes character by character.
//!
//! Text stays text until a marker, or bare JSON at the beginning, announces calls. From there on
//! everything is kept until it is a call or cannot become one; in that case it is given out as the
//! text it was: nothing a model says is lost, and nothing is a call that does not parse as one.

use super::call::{ObjectScan, is_name, of_named, of_object};
use super::format::{NamePlace, ToolFormat};
use super::spelled::{self, Look, MAX_ENDS};
use super::watch::Watch;
use serde_json::{Map, Value as Json};

/// Longest text of one call, in bytes. What is longer is given out as text: no tool takes
/// megabytes from a model, and the text is held in memory until it is complete.
pub const MAX_CALL_BYTES: usize = 1024 * 1024;

/// Longest text between two calls that is looked at, white space not counted.
const MAX_GAP_BYTES: usize = 512;

/// A tool that was offered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// The JSON Schema of its arguments; null if it has none. Where a model writes values as plain
    /// text, this says which of them are numbers.
    pub parameters: Json,
}

/// Name and arguments.
pub(super) type Found = (String, Map<String, Json>);

#[derive(Debug, Clone)]
enum State {
    /// Nothing but white space came.
    Start,
    Text,
    /// Between calls.
    Gap,
    /// Inside of a call's JSON.
    Object(ObjectScan),
}

/// A parser of one answer.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    format: ToolFormat,
    /// What a bare call may name; any tool if empty.
    offered: Vec<Offered>,
    state: State,
    watch: Watch,
    /// All that came since the marker or the last call.
    raw: String,
    /// The same up to the object, without white space unless the name stands there.
    gap: String,
    /// Where the object begins in `raw`.
    object_at: usize,
    /// The first key of the object was looked at.
    key_seen: bool,
    /// A marker came; otherwise the calls stand bare.
    marked: bool,
    /// Calls since then.
    n_calls: usize,
    /// Ends of calls that were none, in one that is spelled out.
    n_ends: usize,
}

impl Calls {
    pub fn new(format: ToolFormat, offered: Vec<Offered>) -> Calls {
        Calls {
            watch: Watch::new(format.markers.iter().cloned()),
            format,
            offered,
            state: State::Start,
            raw: String::new(),
            gap: String::new(),
            object_at: 0,
            key_seen: false,
            marked: false,
            n_calls: 0,
            n_ends: 0,
        }
    }

    /// Takes a character; text that is certain goes to `out`; a call that is complete is returned.
    pub fn push(&mut self, c: char, out: &mut String) -> Option<Found> {
        match &mut self.state {
            State::Start if c.is_whitespace() => self.raw.push(c),
            State::Start if self.format.is_bare && matches!(c, '{' | '[') => {
                self.state = State::Gap;
                return self.gap(c, out);
            }
            State::Start => {
                self.state = State::Text;
                let space = std::mem::take(&mut self.raw);
                for c in space.chars().chain([c]) {
                    self.text(c, out);
                }
            }
            State::Text => self.text(c, out),
            State::Gap => return self.gap(c, out),
            State::Object(scan) => {
                // Only the first key tells; the others are not looked at.
                let ends_key = !self.marked && !self.key_seen && scan.ends_key(c);
                self.key_seen |= ends_key;
                let is_complete = scan.push(c);
                self.raw.push(c);
                if is_complete {
                    return self.object(out);
                }
                if self.raw.len() > MAX_CALL_BYTES || ends_key && !self.is_call_key() {
                    self.give_up(out);
                }
            }
        }
        None
    }

    fn text(&mut self, c: char, out: &mut String) {
        if self.watch.push(c, out) {
            self.raw = self.watch.take();
            self.gap.clear();
            (self.marked, self.n_calls) = (true, 0);
            self.state = State::Gap;
        }
    }

    fn gap(&mut self, c: char, out: &mut String) -> Option<Found> {
        self.raw.push(c);
        if matches!(self.format.name, NamePlace::Spelled(_)) {
            return self.spelled(out);
        }
        if c == '{' {
            self.object_at = self.raw.len() - 1;
            self.key_seen = false;
            let mut scan = match &self.format.name {
                NamePlace::Before { quote, .. } => ObjectScan::with_quote(quote),
                _ => ObjectScan::default(),
            };
            scan.push(c);
            self.state = State::Object(scan);
            return None;
        }
        let named = matches!(self.format.name, NamePlace::Before { .. });
        if !c.is_whitespace() || named {
            self.gap.push(c);
        }
        let is_over = if named { false } else { !self.may_go_on(&self.gap) };
        if is_over || self.gap.len() > MAX_GAP_BYTES || self.raw.len() > MAX_CALL_BYTES {
            self.give_up(out);
        }
        None
    }

    /// A call that is spelled out, after each character of it.
    fn spelled(&mut self, out: &mut String) -> Option<Found> {
        let NamePlace::Spelled(spelling) = &self.format.name else { return None };
        let (is_announced, call) = self.behind_marks();
        let may_begin = || self.may_go_on(&call.split_whitespace().collect::<String>());
        let look = match is_announced {
            true => spelling.look(call),
            false if may_begin() => Look::Open,
            false => Look::No,
        };
        match look {
            Look::Open if self.raw.len() <= MAX_CALL_BYTES => None,
            Look::NotYet if self.n_ends < MAX_ENDS => {
                self.n_ends += 1;
                None
            }
            Look::Call(name, values) if is_name(&name) => {
                let schema = self.offered.iter().find(|tool| tool.name == name);
                let found = spelled::arguments(values, schema.map(|tool| &tool.parameters));
                self.raw.clear();
                self.n_calls += 1;
                self.n_ends = 0;
                Some((name, found))
            }
            _ => {
                self.give_up(out);
                None
            }
        }
    }

    /// What was kept without the marks at its beginning, and whether one of them announces a call.
    fn behind_marks(&self) -> (bool, &str) {
        let (mut is_announced, mut rest) = (false, self.raw.trim_start());
        let close = self.format.close.as_str();
        loop {
            let marker = self.format.markers.iter().find_map(|mark| rest.strip_prefix(&**mark));
            is_announced |= marker.is_some();
            let close = rest.strip_prefix(close).filter(|_| !close.is_empty());
            match marker.or(close) {
                Some(after) => rest = after.trim_start(),
                None => return (is_announced, rest),
            }
        }
    }

    /// Whether a text between calls is made of separators, markers and ends of calls.
    fn may_go_on(&self, gap: &str) -> bool {
        let marks = || self.format.markers.iter().chain([&self.format.close]);
        let marks = || marks().filter(|mark| !mark.is_empty());
        // White space was left out of the text, so it is left out of the marks.
        let plain = |mark: &String| mark.split_whitespace().collect::<String>();
        if gap.is_empty() || marks().any(|mark| plain(mark).starts_with(gap)) {
            return true;
        }
        let behind = marks().find_map(|mark| gap.strip_prefix(plain(mark).as_str()));
        let behind = behind.or_else(|| gap.strip_prefix([',', ';', '[', ']']));
        behind.is_some_and(|rest| self.may_go_on(rest))
    }

    /// Whether the first key of a bare object may be one of a call.
    fn is_call_key(&self) -> bool {
        let start = self.raw.get(self.object_at..).unwrap_or_default();
        let name_key = match &self.format.name {
            NamePlace::Key(key) => key.as_str(),
            NamePlace::Before { .. } | NamePlace::Spelled(_) => "name",
        };
        let keys = [name_key, &self.format.arguments_key, "type", "function", "id"];
        let key = start.trim_start_matches('{').trim_end_matches(':').trim();
        keys.contains(&key.trim_matches('"'))
    }

    /// An object is complete: a call, or text after all.
    fn object(&mut self, out: &mut String) -> Option<Found> {
        let text = self.raw.get(self.object_at..).unwrap_or_default();
        let found = match &self.format.name {
            NamePlace::Before { sign, quote } => of_named(&self.gap, sign, quote, text),
            NamePlace::Key(_) | NamePlace::Spelled(_) => of_object(text, &self.format),
        };
        let is_known = |name: &String| {
            self.offered.is_empty() || self.offered.iter().any(|tool| tool.name == *name)
        };
        let found = found.filter(|(name, _)| self.marked || is_known(name));
        if found.is_none() {
            self.give_up(out);
            return None;
        }
        self.raw.clear();
        self.gap.clear();
        self.n_calls += 1;
        self.state = State::Gap;
        found
    }

    /// What was kept is text. Behind a call it is looked at again; before one it is not, or a
    /// marker that announces nothing would be met for ever.
    fn give_up(&mut self, out: &mut String) {
        let raw = std::mem::take(&mut self.raw);
        self.gap.clear();
        self.state = State::Text;
        if self.n_calls == 0 {
            out.push_str(&raw);
            return;
        }
        self.n_calls = 0;
        for c in self.after_calls(&raw).chars() {
            self.text(c, out);
        }
    }

    /// What follows the last call, without what ended it.
    fn after_calls<'a>(&self, raw: &'a str) -> &'a str {
        let rest = raw.trim_start();
        let close = self.format.close.as_str();
        let rest = rest.strip_prefix(']').unwrap_or(rest).trim_start();
        rest.strip_prefix(close).unwrap_or(rest).trim_start()
    }

    /// At the end: what was held back.
    pub fn finish(&mut self, out: &mut String) {
        let raw = std::mem::take(&mut self.raw);
        let is_markup = |text: &str| text.trim_start().starts_with(['<', '[', '`']);
        match self.state {
            State::Gap if self.n_calls > 0 => {
                let rest = self.after_calls(&raw);
                let named = matches!(self.format.name, NamePlace::Before { .. });
                let is_end = self.may_go_on(&rest.split_whitespace().collect::<String>());
                if !(is_end || named && is_markup(rest)) {
                    out.push_str(rest);
                }
            }
            _ => out.push_str(&raw),
        }
        out.push_str(&self.watch.take());
        self.state = State::Text;
    }
}
