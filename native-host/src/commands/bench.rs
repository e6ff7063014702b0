//! `ingle bench`: reading and writing speed, measured as llama-bench does.
//!
//! Random ids, so that no text is special; the player's own choice of the next token is computed
//! but not used; one warm-up of each test before the runs that count.

use std::io::Write;
use std::time::Instant;

use engine::Session;
use serde::Serialize;

use super::print_json;
use crate::args::{BenchArgs, BenchFormat};
use crate::failure::Failure;
use crate::{interrupt, load, settings, term};

/// One line of the table.
#[derive(Serialize)]
struct Row {
    model: String,
    #[serde(rename = "type")]
    ty: String,
    size_bytes: u64,
    n_params: u64,
    device: String,
    name: String,
    /// "pp512" reads 512 tokens, "tg128" writes 128.
    test: String,
    n_prompt: usize,
    n_gen: usize,
    /// Tokens per second: mean, standard deviation, and each run.
    avg_ts: f64,
    stddev_ts: f64,
    samples_ts: Vec<f64>,
}

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    if args.p == 0 && args.n == 0 {
        return Err(Failure::Usage("-p 0 and -n 0 leave nothing to measure".to_owned()));
    }
    let opened = load::open(&args.file)?;
    let config = settings::player_config(&args.load, &opened)?;
    let n_ctx = args.load.ctx.unwrap_or(0).max(args.p).max(args.n).max(2);
    let config = kernels::PlayerConfig { n_ctx, ..config };
    let mut session = load::load_opened(opened, &args.load, config)?;
    let mut rows = Vec::new();
    for (test, n_prompt, n_gen) in
        [(format!("pp{}", args.p), args.p, 0), (format!("tg{}", args.n), 0, args.n)]
    {
        if n_prompt + n_gen == 0 {
            continue;
        }
        let samples = measure(&mut session, n_prompt, n_gen, args.r)?;
        rows.push(row(&session, test, n_prompt, n_gen, samples));
    }
    print(&rows, args.format)
}

/// Tokens per second of each run.
fn measure(
    session: &mut Session,
    n_prompt: usize,
    n_gen: usize,
    n_runs: u32,
) -> Result<Vec<f64>, Failure> {
    let ids = random_ids(n_prompt + n_gen, session.model_info().dims.n_vocab);
    let max_rows = if n_gen > 0 { 1 } else { session.max_rows() };
    let mut samples = Vec::new();
    for run in 0..=n_runs {
        let start = Instant::now();
        let mut pos = 0;
        for chunk in ids.chunks(max_rows) {
            if interrupt::pending() {
                return Err(Failure::Interrupted);
            }
            let last = n_gen > 0 || pos + chunk.len() == ids.len();
            pollster::block_on(session.step_raw(chunk, pos, last))?;
            pos += chunk.len();
        }
        if run > 0 {
            samples.push(ids.len() as f64 / start.elapsed().as_secs_f64());
        }
    }
    Ok(samples)
}

/// The same ids every time: a linear congruential sequence is random enough to read.
fn random_ids(n: usize, n_vocab: usize) -> Vec<u32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) % n_vocab.max(1) as u64) as u32
    };
    (0..n).map(|_| next()).collect()
}

fn row(
    session: &Session,
    test: String,
    n_prompt: usize,
    n_gen: usize,
    samples_ts: Vec<f64>,
) -> Row {
    let (model, player) = (session.model_info(), session.player_info());
    let (avg_ts, stddev_ts) = mean_and_deviation(&samples_ts);
    Row {
        model: model.name.clone().unwrap_or_else(|| model.architecture.clone()),
        ty: model.main_type.clone(),
        size_bytes: model.weight_bytes,
        n_params: model.n_params,
        device: player.device,
        name: player.name,
        test,
        n_prompt,
        n_gen,
        avg_ts,
        stddev_ts,
        samples_ts,
    }
}

/// Mean and sample standard deviation; the latter is 0 for one sample.
fn mean_and_deviation(samples: &[f64]) -> (f64, f64) {
    let n = samples.len().max(1) as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let squares: f64 = samples.iter().map(|s| (s - mean) * (s - mean)).sum();
    let deviation = if samples.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
    (mean, deviation)
}

fn print(rows: &[Row], format: BenchFormat) -> Result<(), Failure> {
    match format {
        BenchFormat::Json => print_json(&rows),
        BenchFormat::Csv => {
            term::line(
                "model,type,size_bytes,n_params,device,name,test,n_prompt,n_gen,avg_ts,stddev_ts",
            )?;
            rows.iter().try_for_each(|r| {
                let quote = |text: &str| format!("\"{}\"", term::clean(text).replace('"', "\"\""));
                term::line(&format!(
                    "{},{},{},{},{},{},{},{},{},{:.4},{:.4}",
                    quote(&r.model),
                    quote(&r.ty),
                    r.size_bytes,
                    r.n_params,
                    quote(&r.device),
                    quote(&r.name),
                    r.test,
                    r.n_prompt,
                    r.n_gen,
                    r.avg_ts,
                    r.stddev_ts
                ))
            })
        }
        BenchFormat::Md => {
            let mut table = Vec::new();
            let cell = |text: &str| term::clean(text).replace('|', "\\|");
            // Writing to memory does not fail.
            let _ = writeln!(table, "| model | size | params | device | test | tokens/s |");
            let _ = writeln!(table, "|---|---:|---:|---|---:|---:|");
            for r in rows {
                let _ = writeln!(
                    table,
                    "| {} {} | {} | {} | {} | {} | {:.2} ± {:.2} |",
                    cell(&r.model),
                    cell(&r.ty),
                    term::bytes(r.size_bytes),
                    term::count(r.n_params),
                    cell(&r.name),
                    r.test,
                    r.avg_ts,
                    r.stddev_ts
                );
            }
            term::write_out(&table)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        assert_eq!(mean_and_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).0, 5.0);
        assert!((mean_and_deviation(&[1.0, 3.0]).1 - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(mean_and_deviation(&[3.0]), (3.0, 0.0));
    }

    #[test]
    fn ids_stay_in_the_vocabulary() {
        let ids = random_ids(1000, 7);
        assert!(ids.iter().all(|&id| id < 7));
        assert!((0..7).all(|id| ids.contains(&id)));
    }
}
