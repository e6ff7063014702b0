//! Rows as one self-contained page: inline styles and plots, no script, no request.
//!
//! Plots are drawn as text here, so that the command and the page in the browser show the same
//! ones. Each has a title and a description in words, and the same figures as a table under it.
//! There are no style attributes, so the figures alone ([`figures`]) also fit into a page whose
//! policy forbids those; such a page brings [`STYLE`] itself.

mod bars;
mod lines;
mod memory;
mod ops;
mod plane;
pub mod scale;
pub mod svg;
mod table;

use super::row::Row;
use super::text::clean;

pub use table::html as table_html;

/// The page's style: the colors of the chat, light and dark.
pub const STYLE: &str = include_str!("html/style.css");

/// Where the numbers of a page were made, and when.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The program and the system: "ingle 0.1.0, linux x86_64".
    pub host: String,
    /// When, as it is shown.
    pub date: String,
}

impl About {
    /// "ingle 0.1.0, linux x86_64. 2026-11-21 04:00."
    #[must_use]
    pub fn caption(&self) -> String {
        format!("{}. {}.", self.host, self.date)
    }
}

/// A plot with its words and its table.
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// A sentence on how to read it.
    pub lead: String,
    /// The finding, for those who do not see it.
    pub desc: String,
    /// The plot.
    pub svg: svg::Svg,
    /// Heads of the table's columns.
    pub head: Vec<&'static str>,
    /// Lines of the table.
    pub cells: Vec<Vec<String>>,
}

/// The whole document.
pub fn html(rows: &[Row], about: &About) -> String {
    let csv = percent_encoded(&super::table::csv(rows));
    let link = format!(
        "<p><a download=\"bench.csv\" href=\"data:text/csv;charset=utf-8,{csv}\">\
         Save the figures as CSV</a></p>\n"
    );
    page(&title(rows), "ingle bench", &escape(&caption(rows, about)), &(link + &figures(rows)))
}

/// A document of the given elements. `title` and `lead` are HTML, `kind` says what made it.
pub fn page(title: &str, kind: &str, lead: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} – {kind}</title>\n<style>\n{STYLE}</style>\n\
         <main>\n<h1>{title}</h1>\n<p class=\"lead\">{lead}</p>\n{body}</main>\n</html>\n"
    )
}

/// The figures, tables and notes, as elements of a page.
pub fn figures(rows: &[Row]) -> String {
    let mut all = Vec::new();
    all.extend(bars::writing(rows));
    all.extend(bars::reading(rows));
    all.extend(lines::all(rows));
    all.extend(plane::roofline(rows));
    all.extend(ops::times(rows));
    all.extend(memory::figure(rows));
    let mut out: String = all.iter().enumerate().map(|(i, figure)| figure.html(i)).collect();
    out += &table::notes(rows);
    out += &table::all(rows);
    out
}

/// The models' names, the first ones.
fn title(rows: &[Row]) -> String {
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let name = row.subject.model_name();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let names = escape(&names.join(", "));
    if more > 0 { format!("{names} and {more} more") } else { names }
}

/// "5 runs after 1 warm-up. AMD EPYC, 2 threads. ingle 0.1.0, linux x86_64. 2026-11-21 04:00."
fn caption(rows: &[Row], about: &About) -> String {
    let measured = rows.iter().find(|row| !row.seconds.is_empty());
    let runs = measured.map_or_else(String::new, |row| {
        let plural = if row.n_warmup == 1 { "" } else { "s" };
        format!("{} runs after {} warm-up{plural}. ", row.seconds.len(), row.n_warmup)
    });
    let mut devices: Vec<String> = Vec::new();
    for player in rows.iter().filter_map(|row| row.subject.player.as_ref()) {
        if !devices.contains(&player.name) {
            devices.push(player.name.clone());
        }
    }
    format!("{runs}{}. {}", devices.join("; "), about.caption())
}

impl Figure {
    /// As an element; `index` is its place on the page, from 0.
    pub fn html(&self, index: usize) -> String {
        let (title, lead) = (escape(&self.title), escape(&self.lead));
        let svg = self.svg.html(&format!("plot{index}"), &self.title, &self.desc);
        let table = table::html(&self.head, &self.cells);
        format!(
            "<figure class=\"card plot\">\n<figcaption>{title}</figcaption>\n<p>{lead}</p>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" \
             aria-label=\"{title}, scrolls sideways\">\n{svg}</div>\n\
             <details><summary>Same figures as a table</summary>\n{table}</details>\n</figure>\n"
        )
    }
}

/// Text as HTML shows it, control characters made visible.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For a `data:` address.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What sets a row apart from the others, without its test: the model, and settings that differ.
fn subject_label(row: &Row, rows: &[Row]) -> String {
    let differs = |of: &dyn Fn(&Row) -> String| rows.iter().any(|other| of(other) != of(row));
    let name = |row: &Row| row.subject.model_name();
    let ty = |row: &Row| row.subject.model_type().to_owned();
    let asked = |row: &Row| row.subject.asked.clone();
    let is_twin = |other: &Row| {
        asked(other).file != asked(row).file && name(other) == name(row) && ty(other) == ty(row)
    };
    let mut label = name(row);
    if rows.iter().any(is_twin) {
        // Two files of one name and type: their own names tell them apart.
        label = asked(row).file.trim_end_matches(".gguf").to_owned();
    } else if !ty(row).is_empty() && !label.contains(&ty(row)) {
        label += &format!(" {}", ty(row));
    }
    if differs(&|row| row.subject.device().to_owned()) {
        label += &format!(", {}", row.subject.device());
    }
    if differs(&|row| asked(row).n_threads.to_string()) {
        label += &format!(", {} threads", asked(row).n_threads);
    }
    if differs(&|row| format!("{:?}", asked(row).gpu_layers)) {
        let n = asked(row).gpu_layers.map_or("all".to_owned(), |n| n.to_string());
        label += &format!(", {n} layers on the GPU");
    }
    if differs(&|row| format!("{:?}", asked(row).kv)) {
        label += &format!(", {} cache", super::field::kv_name(asked(row).kv));
    }
    if differs(&|row| row.n_batch.to_string()) && row.n_batch > 0 {
        label += &format!(", batch {}", row.n_batch);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escape("<b a='1'>&\"\u{1b}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;\\u{1b}");
        assert_eq!(percent_encoded("a,1\n\"é"), "a,1%0A%22%C3%A9");
    }
}
