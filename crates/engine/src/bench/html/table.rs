//! Tables and notes of the page.

use super::super::row::Row;
use super::super::stats::Stats;
use super::super::table::{device, rate};
use super::super::text::{NONE, duration, number, percent};
use super::{escape, subject_label};

/// A table with a head; the first column is text, and so is whatever is no number.
pub fn html(head: &[&str], cells: &[Vec<String>]) -> String {
    let head: String =
        head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let line = |line: &Vec<String>| {
        let cells: String = line.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = cells.iter().map(line).collect();
    format!(
        "<table class=\"tbl\"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"
    )
}

/// Every row with its main numbers; devices only where there are several.
pub fn all(rows: &[Row]) -> String {
    let mut head = vec![
        "Model",
        "Test",
        "Tokens/s",
        "± sd",
        "Median",
        "Limit",
        "Of limit",
        "Does",
        "First token",
    ];
    let has_devices = rows.windows(2).any(|pair| device(&pair[0]) != device(&pair[1]));
    head.extend(has_devices.then_some("Device"));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells = line(row, rows);
            cells.extend(has_devices.then(|| device(row)));
            cells
        })
        .collect();
    format!(
        "<section class=\"card\">\n<h2>All rows</h2>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"group\" aria-label=\"All rows, scrolls sideways\">\n{}</div>\n</section>\n",
        html(&head, &cells)
    )
}

fn line(row: &Row, rows: &[Row]) -> Vec<String> {
    let stats = row.stats();
    let measured = |text: String| if row.seconds.is_empty() { NONE.to_owned() } else { text };
    let first = Stats::of(&row.first_token_ms).median;
    vec![
        subject_label(row, rows),
        row.test.name(),
        measured(number(stats.mean)),
        measured(number(stats.sd)),
        measured(number(stats.median)),
        row.roofline.limit_ts.map_or(NONE.to_owned(), number),
        row.roofline.share.map_or(NONE.to_owned(), percent),
        measured(rate(row)),
        if first > 0.0 { duration(first / 1000.0) } else { NONE.to_owned() },
    ]
}

/// What must be known before rows are compared, and which have no numbers; empty if nothing.
pub fn notes(rows: &[Row]) -> String {
    let mut items = String::new();
    for row in rows {
        let said = row.error().map(|why| format!("Not measured: {why}.")).into_iter();
        for text in said.chain(row.notes()) {
            let name = escape(&format!("{}, {}", subject_label(row, rows), row.test.name()));
            items += &format!("<li><b>{name}</b>: {}</li>\n", escape(&text));
        }
    }
    if items.is_empty() {
        return items;
    }
    format!(
        "<section class=\"card note\">\n<h2>Before you compare</h2>\n<ul>\n{items}</ul>\n\
         </section>\n"
    )
}
