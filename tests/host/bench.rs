//! `ingle bench` from outside: lists, formats, files, exit codes, and what fails.

use serde_json::Value;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::exits::code_of;
use crate::program::{Run, ingle, ingle_on};

/// A scratch folder with two models in it.
struct Models {
    scratch: Scratch,
    paths: [String; 2],
}

fn models() -> Models {
    let scratch = Scratch::new();
    let paths = ["llama", "qwen3"].map(|architecture| {
        let path =
            scratch.write(&format!("{architecture}.gguf"), &Spec::tiny(architecture).bytes());
        path.to_str().unwrap().to_owned()
    });
    Models { scratch, paths }
}

/// Quick runs on one thread, with these flags.
fn arguments<'a>(files: &[&'a str], flags: &'a str) -> Vec<&'a str> {
    let mut args = vec!["bench"];
    args.extend(files);
    args.extend("--device cpu --no-peaks -r 2".split(' '));
    if !flags.split(' ').any(|flag| flag == "-t") {
        args.extend(["-t", "1"]);
    }
    args.extend(flags.split_whitespace());
    args
}

fn bench(m: &Models, flags: &str) -> Run {
    ingle(&arguments(&[&m.paths[0]], flags))
}

fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().map(|row| &row[name]).collect()
}

#[test]
fn json_keeps_its_names_and_has_the_numbers() {
    let m = models();
    let rows = bench(&m, "-p 16 -n 4 --format json").json();
    assert_eq!(column(&rows, "test"), ["pp16", "tg4"]);
    let names = [
        "model",
        "type",
        "size_bytes",
        "n_params",
        "device",
        "name",
        "n_prompt",
        "n_gen",
        "avg_ts",
        "stddev_ts",
        "samples_ts",
        "n_depth",
        "median_ts",
        "bytes_per_token",
        "limit_share",
        "load_ms",
        "peak_memory_bytes",
        "first_token_ms",
        "kv_type",
        "error",
        "profile",
    ];
    for row in rows.as_array().unwrap() {
        for name in names {
            assert!(row.get(name).is_some(), "{name}");
        }
        assert_eq!(row["samples_ts"].as_array().unwrap().len(), 2);
        for name in ["avg_ts", "median_ts", "bytes_per_token", "ops_per_token", "load_ms"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name}");
        }
        assert_eq!((&row["limit_ts"], &row["error"]), (&Value::Null, &Value::Null));
    }
    assert!(rows[0]["first_token_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(rows[1]["first_token_ms"], Value::Null, "nothing was read");
    if cfg!(target_os = "linux") {
        assert!(rows[0]["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    }
}

#[test]
fn lists_are_crossed() {
    let m = models();
    let flags = "-p 8,16 -n 2 -pg 4,2 -d 0,5 -t 1,2 --kv f16,q8_0 --format jsonl";
    let run = ingle(&arguments(&[&m.paths[0], &m.paths[1]], flags));
    let rows: Vec<Value> =
        run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Models, threads, caches, tests, depths.
    assert_eq!(rows.len(), 2 * 2 * 2 * 4 * 2);
    let rows = Value::Array(rows);
    let count = |name: &str, value: &str| {
        column(&rows, name)
            .iter()
            .filter(|have| have.to_string().trim_matches('"') == value)
            .count()
    };
    assert_eq!((count("file", "llama.gguf"), count("n_threads", "2")), (32, 32));
    assert_eq!((count("kv_type", "q8_0"), count("test", "pp4+tg2@d5")), (32, 8));
    assert!(column(&rows, "error").iter().all(|error| error.is_null()));
    // A cache that holds more costs more to read.
    let kv = |test: &str| {
        let is_it = |row: &&Value| row["test"] == test && row["kv_type"] == "f16";
        rows.as_array().unwrap().iter().find(is_it).unwrap()["kv_bytes_per_token"].as_u64()
    };
    assert!(kv("tg2@d5") > kv("tg2"));
}

#[test]
fn batches_are_the_smaller_of_both_and_the_device_s() {
    let m = models();
    let rows = bench(&m, "-p 40 -n 0 -b 16,32 -ub 8,64 --format json").json();
    assert_eq!(column(&rows, "n_batch"), [8, 16, 32]);
}

#[test]
fn tables_have_a_line_for_each_row() {
    let m = models();
    let csv = bench(&m, "-p 16 -n 4 --format csv").text().to_owned();
    let head = "model,type,size_bytes,n_params,device,name,test,n_prompt,n_gen,";
    assert!(csv.starts_with(head) && csv.lines().count() == 3, "{csv}");
    let md = bench(&m, "-p 16 -n 4").text().to_owned();
    assert!(md.lines().all(|line| line.starts_with('|')) && md.lines().count() == 4, "{md}");
    let profiled = bench(&m, "-p 16 -n 4 --profile").text().to_owned();
    for op in ["embed", "qkv", "rope_kv", "attention", "output", "gate_up", "down", "head"] {
        assert_eq!(profiled.matches(&format!("| {op} |")).count(), 2, "{op}: {profiled}");
    }
}

#[test]
fn a_file_is_written_in_the_form_of_its_name() {
    let m = models();
    for (name, begins) in [("o.html", "<!doctype html>"), ("o.json", "[{"), ("o.csv", "model,")] {
        let path = m.scratch.path(name);
        let flags = format!("-p 8 -n 2 -o {}", path.to_str().unwrap());
        let run = bench(&m, &flags);
        assert!(run.text().starts_with("| model"), "the table is printed too");
        assert!(run.stderr.contains("saved ") && run.stderr.contains(name), "{}", run.stderr);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(begins), "{name}");
    }
    let page = bench(&m, "-p 8 -n 2 -d 0,16 --profile --format html").text().to_owned();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for word in ["Writing speed", "Reading speed", "conversation grows", "time goes", "Memory"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn peaks_give_every_row_a_limit() {
    let m = models();
    let mut args = arguments(&[&m.paths[0]], "-p 16 -n 4 --format json");
    args.retain(|arg| *arg != "--no-peaks");
    for row in ingle(&args).json().as_array().unwrap() {
        for name in ["peak_read_bytes_per_s", "peak_op_per_s", "limit_ts", "limit_share"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name}");
        }
    }
}

#[test]
fn a_speed_below_the_asked_one_has_its_own_exit_code() {
    let m = models();
    let slow = bench(&m, "-p 8 -n 0 --min-tok-s 1e12");
    assert_eq!(code_of(&slow).as_deref(), Ok("bench.result"), "{}", slow.stderr);
    assert!(slow.stderr.contains("below") && !slow.stdout.is_empty(), "{}", slow.stderr);
    assert_eq!(bench(&m, "-p 8 -n 0 --min-tok-s 0.001").code, Some(0));
}

#[test]
fn what_cannot_be_measured_does_not_stop_the_rest() {
    let m = models();
    let missing = m.scratch.path("missing.gguf");
    let missing = missing.to_str().unwrap();
    let flags = "-p 8 -n 0 --format json";
    let some = ingle(&arguments(&[missing, &m.paths[0]], flags));
    assert_eq!(some.code, Some(1));
    assert!(some.stderr.contains("1 of 2 rows could not be measured"), "{}", some.stderr);
    let rows: Value = serde_json::from_slice(&some.stdout).unwrap();
    assert!(rows[0]["error"].as_str().unwrap().contains("no such file"));
    assert_eq!((&rows[0]["avg_ts"], &rows[0]["outcome"]), (&Value::Null, &"failed".into()));
    assert!(rows[1]["avg_ts"].as_f64().unwrap() > 0.0);
    // A context that no memory holds: a sentence, and the other rows.
    let flags = "-p 8 -n 0 -d 0 --ctx 16000000 --format json";
    let all = ingle(&arguments(&[&m.paths[0]], flags));
    if all.code != Some(0) {
        assert_eq!(all.not_a_refusal("bytes"), None);
    }
    assert_eq!(ingle(&arguments(&[missing], "-p 8")).not_a_refusal("no such file"), None);
}

#[test]
fn wrong_use_is_refused_before_anything_is_loaded() {
    let m = models();
    let table = [
        ("-p 0 -n 0", "nothing to measure"),
        ("-o out.xyz", "--format"),
        ("-t 0", "--threads"),
        ("-p eight", "eight"),
        ("-pg 8", "two numbers"),
        ("-p 8 -n 0 --gpu-layers 4", "--gpu-layers"),
    ];
    for (flags, about) in table {
        let run = bench(&m, flags);
        assert_eq!(run.not_a_refusal(about), None, "{flags}");
        assert_eq!(run.code, Some(2), "{flags}");
    }
    let folder = m.scratch.path("");
    let into = format!("-p 8 -o {}/none/o.html", folder.to_str().unwrap());
    assert_eq!(bench(&m, &into).not_a_refusal("could not be written"), None);
}

#[test]
fn a_processor_without_fast_instructions_is_said() {
    let m = models();
    let run = ingle_on("scalar", &arguments(&[&m.paths[0]], "-p 8 -n 2 --format json"));
    let rows = run.json();
    assert!(rows[0]["name"].as_str().unwrap().contains("portable"));
    assert!(run.stderr.contains("none of the instructions"), "{}", run.stderr);
    assert!(rows[0]["avg_ts"].as_f64().unwrap() > 0.0);
}
