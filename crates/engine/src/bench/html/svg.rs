//! The few marks plots are made of. Colors and dashes are classes, so that themes are the style's.

use std::fmt::Write;

use super::escape;

/// Width of every plot, in its own units; text is 12 of them high.
pub const WIDTH: f64 = 640.0;

/// Series a plot can tell apart; more are drawn in plots of their own.
pub const MAX_SERIES: usize = 6;

/// Half the size of a point.
const POINT: f64 = 4.0;

/// A drawing that grows downwards.
pub struct Svg {
    body: String,
    height: f64,
}

/// A coordinate with no more digits than matter.
fn at(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Svg {
    /// An empty one.
    pub fn new(height: f64) -> Svg {
        Svg { body: String::new(), height }
    }

    /// A line of text.
    pub fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let text = escape(text);
        let (x, y) = (at(x), at(y));
        // Writing to memory does not fail.
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            at(from.0),
            at(from.1),
            at(to.0),
            at(to.1)
        );
    }

    /// A box.
    pub fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            at(x),
            at(y),
            at(width.max(0.0)),
            at(height)
        );
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", at(*x), at(*y))).collect();
        let _ =
            writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// A whisker along x or y.
    pub fn whisker(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (dx, dy) = if from.1 == to.1 { (0.0, 4.0) } else { (4.0, 0.0) };
        self.line("wh", from, to);
        for end in [from, to] {
            self.line("wh", (end.0 - dx, end.1 - dy), (end.0 + dx, end.1 + dy));
        }
    }

    /// A point of series `series` (from 0): its shape differs as well as its color.
    pub fn point(&mut self, series: usize, x: f64, y: f64) {
        let class = format!("p{}", series % MAX_SERIES + 1);
        let (x, y, p) = (at(x), at(y), POINT);
        let path = match series % MAX_SERIES {
            1 => format!("M{} {}h{s}v{s}h-{s}z", x - p, y - p, s = 2.0 * p),
            2 => format!("M{x} {}L{} {}H{}z", y - p - 1.0, x + p + 1.0, y + p, x - p - 1.0),
            3 => format!("M{x} {}l{d} {d}l-{d} {d}l-{d} -{d}z", y - p - 1.0, d = p + 1.0),
            4 => format!("M{} {}l{s} {s}M{} {}l{s} -{s}", x - p, y - p, x - p, y + p, s = 2.0 * p),
            _ => String::new(),
        };
        let _ = match series % MAX_SERIES {
            0 => writeln!(self.body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{p}\"/>"),
            5 => writeln!(
                self.body,
                "<circle class=\"{class} open\" cx=\"{x}\" cy=\"{y}\" r=\"{p}\"/>"
            ),
            4 => writeln!(self.body, "<path class=\"{class} open\" d=\"{path}\"/>"),
            _ => writeln!(self.body, "<path class=\"{class}\" d=\"{path}\"/>"),
        };
    }

    /// The element, with what it is and what it shows in words.
    pub fn html(&self, id: &str, title: &str, desc: &str) -> String {
        let (title, desc) = (escape(title), escape(desc));
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"{id}t {id}d\">\
             <title id=\"{id}t\">{title}</title><desc id=\"{id}d\">{desc}</desc>\n{}</svg>\n",
            at(self.height),
            self.body
        )
    }
}

/// `text` in at most `max` characters, cut in the middle.
pub fn shortened(text: &str, max: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= max {
        return text.to_owned();
    }
    let keep = max.saturating_sub(1);
    let (head, tail) = (keep - keep / 2, keep / 2);
    let mut out: String = chars[..head].iter().collect();
    out.push('…');
    out.extend(&chars[chars.len() - tail..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(shortened("short", 10), "short");
        assert_eq!(shortened("abcdefghij", 7), "abc…hij");
        assert_eq!(shortened("äöüß", 2), "ä…");
    }

    #[test]
    fn every_series_has_a_mark() {
        for series in 0..MAX_SERIES {
            let mut svg = Svg::new(10.0);
            svg.point(series, 1.0, 2.0);
            assert!(svg.body.contains(&format!("p{}", series + 1)), "{}", svg.body);
        }
    }
}
