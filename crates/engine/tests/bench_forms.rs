//! The forms of a bench's rows: tables and the page, made of rows with known numbers.
#![allow(clippy::unwrap_used, reason = "tests")]

use engine::bench::{
    About, Asked, Cost, Part, Roofline, Row, Subject, Test, Work, csv, figures, html, markdown,
    markdown_profile, summary,
};
use engine::{ModelInfo, bench::Outcome};
use kernels::{Dims, OpTime, Peaks, PlayerInfo};

/// A name that tries to break every form.
const NAME: &str = "Llama <3> | \"x\", \u{1b}[2J";

fn subject(name: &str) -> Subject {
    let dims = Dims {
        n_vocab: 8,
        dim: 8,
        n_layers: 1,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: 8,
        ffn_dim: 8,
        n_ctx_train: 64,
    };
    Subject {
        asked: Asked { file: format!("{name}.gguf"), device: "cpu".into(), ..Asked::default() },
        model: Some(ModelInfo {
            is_embedder: false,
            only_embeds: false,
            architecture: "llama".into(),
            name: Some(name.into()),
            dims,
            n_params: 1_235_814_432,
            weight_bytes: 807_000_000,
            main_type: "Q4_K".into(),
            pooling: engine::Pooling::default(),
        }),
        player: Some(PlayerInfo {
            device: "cpu".into(),
            name: "Test CPU, 2 threads".into(),
            weight_bytes: 800_000_000,
            kv_bytes: 100_000_000,
            scratch_bytes: 10_000_000,
            ..PlayerInfo::default()
        }),
        load_ms: Some(412.0),
    }
}

/// 8 tokens in 0.1 s and 0.2 s: 80 and 40 tokens/s, mean 60, deviation 28.28.
fn row(name: &str, test: Test) -> Row {
    let peaks = Peaks { read_bytes_per_s: 1e11, op_per_s: 1e12, op_kind: "test".into() };
    // 1 GB a token: 100 tokens/s at best.
    let work = Work { bytes: 8e9, ops: 8e9 };
    let roofline = Roofline::of(&[Part::Write(work)], 8, 60.0, Some(&peaks));
    Row {
        subject: subject(name),
        test,
        n_batch: 128,
        n_warmup: 1,
        seconds: vec![0.1, 0.2],
        peaks: Some(peaks),
        roofline,
        peak_memory: Some(1_000_000_000),
        ..Row::default()
    }
}

fn write(depth: usize) -> Test {
    Test { n_gen: 8, depth, ..Test::default() }
}

const READ: Test = Test { n_prompt: 8, n_gen: 0, depth: 0, n_slots: 1 };

/// Two models at two depths, a prompt, a failure, an interruption and a profile.
fn rows() -> Vec<Row> {
    let mut rows = vec![row(NAME, write(0)), row(NAME, write(2048)), row("b", write(0))];
    rows.push(Row { first_token_ms: vec![40.0], ..row(NAME, READ) });
    rows.push(Row::failed(subject("b"), READ, "model.toobig", "it needs 5 GB but has 4 GB"));
    rows[2].outcome = Outcome::Interrupted;
    let op = |op, seconds| OpTime { op, kernel: "k|1".into(), calls: 3, seconds };
    rows[0].profile = vec![op("qkv", 0.03), op("rope_kv", 0.01), op("head", 0.06)];
    rows
}

#[test]
fn markdown_has_a_line_per_row_and_the_numbers() {
    let table = markdown(&rows());
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2 + 5);
    let cells = |line: &str| line.replace("\\|", "/").matches('|').count();
    assert!(lines.iter().all(|line| cells(line) == cells(lines[0])), "{table}");
    for wanted in ["807 MB", "1.24 B", "60.00 ± 28.28 (unsteady)", "60.0 GB/s", "60% memory"] {
        assert!(lines[2].contains(wanted), "{wanted} in {}", lines[2]);
    }
    assert!(lines[2].contains("tg8 ") && lines[3].contains("tg8@d2048"));
    assert!(lines[6].contains("| – |") && !lines[6].contains("0.00"), "{}", lines[6]);
    assert!(!table.contains('\u{1b}'));
    assert!(!lines[0].contains("threads"), "columns that do not differ are left out");
    let mut differing = rows();
    differing[1].subject.asked.n_threads = 2;
    assert!(markdown(&differing).lines().next().unwrap().contains("threads"));
}

#[test]
fn the_profile_is_a_table_of_shares() {
    let table = markdown_profile(&rows());
    assert_eq!(table.lines().count(), 2 + 3);
    let qkv = table.lines().nth(2).unwrap();
    assert!(qkv.contains("| qkv | k\\|1 | 3 | 30.00 | 30% |"), "{qkv}");
    assert_eq!(markdown_profile(&rows()[1..]), "");
}

/// Cells of a line of comma-separated values.
fn split(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

#[test]
fn csv_has_every_field_of_every_row() {
    let text = csv(&rows());
    let lines: Vec<Vec<String>> = text.lines().map(split).collect();
    assert_eq!(lines.len(), 1 + 5);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
    let cell = |row: usize, name: &str| {
        let i = lines[0].iter().position(|head| head == name).unwrap();
        lines[1 + row][i].as_str()
    };
    assert_eq!((cell(0, "avg_ts"), cell(0, "stddev_ts")), ("60.000000", "28.284271"));
    assert_eq!((cell(0, "median_ts"), cell(0, "limit_share")), ("60.000000", "0.600000"));
    assert_eq!((cell(1, "n_depth"), cell(1, "test")), ("2048", "tg8@d2048"));
    assert_eq!((cell(4, "avg_ts"), cell(4, "error_code")), ("", "model.toobig"));
    assert_eq!(cell(0, "samples_ts"), "80.000000 40.000000");
    assert!(!lines[0].iter().any(|head| head == "profile"));
}

/// Elements that are opened and not closed, or closed and not opened.
fn unbalanced(text: &str) -> Vec<String> {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let mut open: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for tag in text.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let name = inside.split_whitespace().next().unwrap_or_default().trim_end_matches('/');
        if let Some(name) = name.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                wrong.push(format!("/{name}"));
            }
        } else if !inside.ends_with('/') && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    wrong.extend(open);
    wrong
}

#[test]
fn the_page_stands_alone_and_says_all_in_words_too() {
    let about = About { host: "ingle test".into(), date: "2026-01-01".into() };
    let page = html(&rows(), &about);
    let body = page.split("</style>").nth(1).unwrap();
    assert_eq!(unbalanced(&page), [] as [String; 0]);
    for never in ["<script", "style=", "http:", "https:", "src=", "url(", "<3>", "NaN", "inf"] {
        assert!(!body.contains(never), "{never}");
    }
    assert!(!page.contains("@import") && !page.contains("https:"));
    let count = |what: &str| body.matches(what).count();
    // Writing, reading, depth, roofline, ops, memory.
    let n_plots = 6;
    for each in ["<svg ", "<title id", "<desc id", "<details>", "<figcaption>", "role=\"img\""] {
        assert_eq!(count(each), n_plots, "{each}");
    }
    assert_eq!(count("<table"), n_plots + 1, "a table for each, and one of all rows");
    assert!(body.contains("Llama &lt;3&gt; |"), "names are text");
    assert!(body.contains("it needs 5 GB but has 4 GB"), "failures are said");
    assert!(body.contains("Interrupted after 2 runs."));
    assert!(body.contains("60.00 at 0, 60.00 at 2048"), "the finding in words");
    assert!(page.contains("2 runs after 1 warm-up. Test CPU, 2 threads. ingle test. 2026-01-01."));
}

#[test]
fn plots_without_data_are_left_out() {
    let failed = vec![Row::failed(subject("b"), READ, "model.toobig", "too big")];
    let page = figures(&failed);
    assert!(!page.contains("NaN") && page.contains("too big"));
    assert_eq!(unbalanced(&page), [] as [String; 0]);
    let mut plain = row("a", write(0));
    (plain.peaks, plain.roofline) = (None, Roofline::of(&[], 8, 60.0, None));
    let page = figures(&[plain]);
    assert!(!page.contains("class=\"lim\" x1=\"214") && !page.contains("limits</figcaption>"));
    assert_eq!(figures(&[]).matches("<svg").count(), 0);
}

#[test]
fn many_series_get_plots_of_their_own() {
    let names: Vec<String> = (0..8).map(|i| format!("model {i}")).collect();
    let each = |name: &String| [row(name, write(0)), row(name, write(64))];
    let rows: Vec<Row> = names.iter().flat_map(each).collect();
    let page = figures(&rows);
    let title = "<figcaption>Writing speed as the conversation grows";
    assert_eq!(page.matches(title).count(), 2, "six lines and two");
    assert!(names.iter().all(|name| page.contains(name.as_str())));
}

#[test]
fn a_summary_has_load_memory_and_peaks() {
    let rows = rows();
    let line = summary(&[&rows[0], &rows[3]]);
    for wanted in ["412 ms", "40 ms after 8 tokens", "1.00 GB at most", "100 GB/s", "1.00 TFLOP/s"]
    {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
    let failed = [&rows[4]];
    assert!(summary(&failed).contains("not measured"));
    assert_eq!(Cost::default().kv_bytes(10), 0);
}
