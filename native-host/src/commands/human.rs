//! Times, spans and tables as Ollama prints them.

use chrono::{DateTime, TimeDelta, Utc};

/// Spaces between columns.
const GAP: usize = 4;
/// The least that is left of a name.
const MIN_NAME: usize = 8;
/// Farther in the future than any timer is set: kept until told otherwise.
const FOREVER_YEARS: i64 = 20;
/// Farther in the past than computers: a moment that was never set.
const NEVER_YEARS: i64 = 100;

/// "2 days ago", "4 minutes from now", "Forever"; "Never" for a moment that was not set.
pub fn when(text: &str, now: DateTime<Utc>) -> String {
    let Ok(moment) = DateTime::parse_from_rfc3339(text) else {
        return "Never".to_owned();
    };
    let passed = now - moment.with_timezone(&Utc);
    let years = passed.num_days() / 365;
    match passed >= TimeDelta::zero() {
        true if years > NEVER_YEARS => "Never".to_owned(),
        true => format!("{} ago", span(passed)),
        false if years < -FOREVER_YEARS => "Forever".to_owned(),
        false => format!("{} from now", span(-passed)),
    }
}

/// True if the moment lies behind us.
pub fn is_past(text: &str, now: DateTime<Utc>) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok_and(|moment| moment < now)
}

fn span(span: TimeDelta) -> String {
    let (seconds, minutes) = (span.num_seconds(), span.num_minutes());
    let hours = (span.num_seconds() + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// Nanoseconds as Go prints a duration: "1.5s", "2m3s", "350.1ms".
pub fn duration(nanos: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        let fraction = format!("{:0width$}", nanos % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        match fraction.is_empty() {
            true => format!("{}{name}", nanos / unit),
            false => format!("{}.{fraction}{name}", nanos / unit),
        }
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => scaled(1_000_000_000, "s"),
        _ => {
            let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
            let seconds = duration(rest + 1_000_000_000);
            let seconds = match rest {
                0 => "0s".to_owned(),
                1..1_000_000_000 => format!("0{}", seconds.get(1..).unwrap_or_default()),
                _ => duration(rest),
            };
            match minutes {
                60.. => format!("{}h{}m{seconds}", minutes / 60, minutes % 60),
                _ => format!("{minutes}m{seconds}"),
            }
        }
    }
}

/// Rows for a terminal of `width` columns: columns are left out in the order of `spare` until a row
/// fits, then the first one is cut in the middle. A row never becomes two lines.
pub fn fitted(
    mut rows: Vec<Vec<String>>,
    width: Option<usize>,
    spare: &[&str],
) -> Vec<Vec<String>> {
    let Some(width) = width else { return rows };
    let need = |rows: &[Vec<String>]| {
        let widths = widths(rows);
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    };
    for title in spare {
        if need(&rows) <= width {
            return rows;
        }
        let head = rows.first();
        if let Some(at) = head.and_then(|head| head.iter().position(|cell| cell == title)) {
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
        }
    }
    let first = widths(&rows).first().copied().unwrap_or(0);
    let room = first.saturating_sub(need(&rows).saturating_sub(width)).max(MIN_NAME);
    for cell in rows.iter_mut().filter_map(|row| row.first_mut()) {
        *cell = crate::term::middle(cell, room, !crate::term::is_utf8());
    }
    rows
}

/// The widest cell of each column.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    (0..n_columns).map(|column| width(column).unwrap_or(0)).collect()
}

/// Rows in columns, each line begun with `indent`. Foreign text is made harmless.
pub fn table(indent: &str, rows: &[Vec<String>]) -> String {
    let clean = |cell: &String| crate::term::clean(cell).into_owned();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(clean).collect()).collect();
    let widths = widths(&rows);
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: String =
            cells.map(|(cell, width)| format!("{cell:<width$}{:GAP$}", "")).collect();
        out.push_str(format!("{indent}{line}").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_from_now() {
        let now: DateTime<Utc> = "2026-01-15T12:00:00Z".parse().unwrap_or_default();
        let rows = [
            ("2026-01-15T12:00:00Z", "Less than a second ago"),
            ("2026-01-15T11:59:59Z", "1 second ago"),
            ("2026-01-15T11:59:30.5+00:00", "29 seconds ago"),
            ("2026-01-15T11:58:50Z", "About a minute ago"),
            ("2026-01-15T12:04:30Z", "4 minutes from now"),
            ("2026-01-15T10:50:00Z", "About an hour ago"),
            ("2026-01-15T13:00:00+02:00", "About an hour ago"),
            ("2026-01-13T12:00:00Z", "2 days ago"),
            ("2025-12-30T12:00:00Z", "2 weeks ago"),
            ("2025-10-15T12:00:00Z", "3 months ago"),
            ("2020-01-15T12:00:00Z", "6 years ago"),
            ("2318-01-15T12:00:00Z", "Forever"),
            ("0001-01-01T00:00:00Z", "Never"),
            ("", "Never"),
        ];
        for (text, wanted) in rows {
            assert_eq!(when(text, now), wanted, "{text}");
        }
        assert!(is_past("2026-01-15T11:59:59Z", now) && !is_past("2026-01-15T12:00:01Z", now));
    }

    #[test]
    fn durations_as_go_prints_them() {
        let rows = [
            (0, "0s"),
            (999, "999ns"),
            (1_500, "1.5µs"),
            (350_100_000, "350.1ms"),
            (1_000_000_000, "1s"),
            (1_234_567_891, "1.234567891s"),
            (60_000_000_000, "1m0s"),
            (60_500_000_000, "1m0.5s"),
            (123_000_000_000, "2m3s"),
            (3_723_000_000_000, "1h2m3s"),
        ];
        for (nanos, wanted) in rows {
            assert_eq!(duration(nanos), wanted);
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let out = table("  ", &[row(["a", "b"]), row(["long", "\u{1b}[2J"]), row(["x", ""])]);
        assert_eq!(out, "  a       b\n  long    \\u{1b}[2J\n  x\n");
    }
}
