//! `cargo xtask test`: everything the project's CI runs, cheap checks first.
//!
//! One table of steps; each has a name for `--only` and the steps it stands on. The order is by
//! cost, so that a misplaced comma fails after seconds and not after the browser tests. One thing
//! comes before its turn: the page, because the native program that is compiled next contains it.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::harness::{self, Program};
use crate::process;
use crate::report::{Report, Tally};
use crate::setup::{self, WASM_TARGET};
use crate::web::{self, Form};
use crate::{aarch64, clients, python, serve, tidy, tools};

/// Longest time of the tests in the browser, which compile every shader on a CPU renderer.
const E2E_LIMIT: Duration = Duration::from_secs(25 * 60);

/// Longest time of the deploy step, which takes seconds.
const DEPLOY_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Longest time of the kernels' check in node, which takes seconds.
const KERNELS_LIMIT: Duration = Duration::from_secs(5 * 60);

#[derive(clap::Args)]
pub struct Args {
    /// Only these steps, by name, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "STEPS")]
    only: Vec<String>,
    /// Print the steps and end.
    #[arg(long)]
    list: bool,
}

struct Step {
    name: &'static str,
    what: &'static str,
    /// Steps without which this one proves nothing.
    needs: &'static [&'static str],
    run: fn(&Built) -> Result<Tally>,
}

const STEPS: [Step; 17] = [
    Step { name: "setup", what: "find or install what the rest needs", needs: &[], run: setup },
    Step { name: "fmt", what: "rustfmt", needs: &[], run: fmt },
    Step { name: "tidy", what: "the house rules", needs: &[], run: |_| tidy::run() },
    Step { name: "clippy", what: "lints, natively", needs: &[], run: clippy },
    Step { name: "wasm", what: "the modules and their sizes", needs: &["setup"], run: wasm },
    Step { name: "www", what: "TypeScript: types, tests, packages", needs: &["wasm"], run: www },
    Step { name: "build", what: "compile all tests, once", needs: &[], run: build },
    Step { name: "unit", what: "unit tests of every crate", needs: &["build"], run: unit },
    Step {
        name: "fixtures",
        what: "the seeded models keep their bytes",
        needs: &["build"],
        run: fixtures,
    },
    Step { name: "doc", what: "examples in the documentation", needs: &["build"], run: doc },
    Step {
        name: "aarch64",
        what: "the CPU kernels for Arm, on emulated processors",
        needs: &[],
        run: |_| aarch64::run(),
    },
    Step { name: "clippy-web", what: "lints, for wasm", needs: &["setup"], run: clippy_web },
    Step { name: "serve", what: "the built page over HTTP", needs: &["www"], run: served },
    Step {
        name: "tests",
        what: "goldens, players, the command line",
        needs: &["build"],
        run: integration,
    },
    Step {
        name: "deploy",
        what: "container files, by schema and against a server",
        needs: &["build"],
        run: deploy,
    },
    Step {
        name: "clients",
        what: "other people's clients against a real server",
        needs: &["build"],
        run: other_clients,
    },
    Step { name: "e2e", what: "browsers end to end", needs: &["www", "build"], run: e2e },
];

/// What the `build` step leaves for the others.
#[derive(Default)]
struct Built {
    programs: OnceCell<Vec<Program>>,
}

impl Built {
    /// All programs of the workspace in the dev profile; compiled on first use.
    fn programs(&self) -> Result<&[Program]> {
        if let Some(programs) = self.programs.get() {
            return Ok(programs);
        }
        // xtask apart: a running program cannot be replaced on Windows.
        let all = ["build", "--workspace", "--exclude", "xtask", "--all-targets", "--keep-going"];
        let mut programs = harness::build(&all)?;
        programs.extend(harness::build(&["build", "-p", "xtask", "--tests"])?);
        Ok(self.programs.get_or_init(|| programs))
    }

    /// The program of this name that is not a test.
    fn program(&self, name: &str) -> Result<&Program> {
        let is_it = |program: &&Program| {
            let stem = program.path.file_stem();
            !program.is_test && stem.is_some_and(|stem| stem == name)
        };
        let found = self.programs()?.iter().find(is_it);
        found.with_context(|| format!("the workspace has no program called {name}"))
    }

    /// What tests may want to know, as environment variables.
    fn envs(&self) -> Result<Vec<(String, PathBuf)>> {
        Ok(vec![("INGLE_BIN".into(), self.program("ingle")?.path.clone())])
    }
}

/// Runs all steps, or those of `--only`.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for step in &STEPS {
            println!("{:<11} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.only.is_empty() {
        return run_only(&STEPS.map(|step| step.name));
    }
    let names: Vec<&str> = args.only.iter().map(String::as_str).collect();
    run_only(&names)
}

/// Runs the named steps in the table's order.
pub fn run_only(names: &[&str]) -> Result<ExitCode> {
    if let Some(name) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let known = STEPS.map(|step| step.name).join(", ");
        bail!("there is no step '{name}'; the steps are {known}");
    }
    let built = Built::default();
    let mut report = Report::new();
    for step in STEPS.iter().filter(|step| names.contains(&step.name)) {
        let broken = step.needs.iter().find(|need| report.has_failed(need)).copied();
        report.step(step.name, || match broken {
            Some(need) => bail!("not run, because {need} failed"),
            None => (step.run)(&built),
        });
    }
    Ok(report.finish())
}

fn setup(_: &Built) -> Result<Tally> {
    setup::wasm_target()?;
    setup::npm_packages()?;
    let missing = setup::system_packages()?;
    if missing.is_empty() {
        return Ok(Tally::one());
    }
    if std::env::var_os("CI").is_some() {
        bail!("{}", missing.join("; "));
    }
    Ok(Tally { passed: 1, failed: Vec::new(), skipped: missing })
}

fn cargo(args: &[&str]) -> Result<Tally> {
    process::run(process::cargo().args(args))?;
    Ok(Tally::one())
}

fn fmt(_: &Built) -> Result<Tally> {
    cargo(&["fmt", "--all", "--check", "--", "-l"])
}

fn clippy(_: &Built) -> Result<Tally> {
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn clippy_web(_: &Built) -> Result<Tally> {
    // Both sets of instructions, and the workshop; shared memory changes no line of ours.
    for features in ["", "relaxed-simd", "workshop"] {
        let mut command = process::cargo();
        command.args(["clippy", "--quiet", "-p", "web", "--features", features]);
        command.args(["--target", WASM_TARGET, "--", "-D", "warnings"]).envs(web::wasm_envs(false));
        process::run(&mut command)?;
    }
    Ok(Tally::one())
}

fn build(built: &Built) -> Result<Tally> {
    let n_tests = built.programs()?.iter().filter(|program| program.is_test).count();
    println!("   {n_tests} test programs");
    Ok(Tally::one())
}

fn is_integration(program: &Program) -> bool {
    program.name.starts_with("tests/")
}

fn run_programs(built: &Built, is_mine: fn(&Program) -> bool) -> Result<Tally> {
    let envs = built.envs()?;
    let mut tally = Tally::default();
    for program in built.programs()?.iter().filter(|program| program.is_test && is_mine(program)) {
        tally.add(harness::run(program, &envs)?);
    }
    if tally == Tally::default() {
        bail!("no test was found");
    }
    Ok(tally)
}

fn unit(built: &Built) -> Result<Tally> {
    run_programs(built, |program| !is_integration(program))
}

fn integration(built: &Built) -> Result<Tally> {
    run_programs(built, is_integration)
}

fn fixtures(built: &Built) -> Result<Tally> {
    process::run(process::program(&built.program("fixtures")?.path).arg(tools::SUMS))?;
    Ok(Tally::one())
}

fn doc(_: &Built) -> Result<Tally> {
    let mut command = process::cargo();
    command.args(["test", "--quiet", "--doc", "--workspace", "--exclude", "xtask"]);
    process::run(&mut command)?;
    Ok(Tally::one())
}

fn wasm(_: &Built) -> Result<Tally> {
    let skipped = web::wasm(Form::Release)?;
    web::check_sizes()?;
    let mut tally = Tally { passed: web::sizes()?.len(), failed: Vec::new(), skipped };
    tally.add(wasm_kernels()?);
    Ok(tally)
}

/// The player on each WebAssembly instruction set against the portable one, in node: both kinds of
/// kernels are in one module here, and node needs no page.
fn wasm_kernels() -> Result<Tally> {
    let args = ["build", "-p", "cpu", "--example", "wasm_check", "--features", "relaxed-simd"];
    let args = [&args[..], &["--target", WASM_TARGET, "--profile", "web"]].concat();
    let files = harness::library_files(&args, &web::wasm_envs(false), "wasm_check")?;
    let module = files.into_iter().find(|file| file.extension().is_some_and(|e| e == "wasm"));
    let module = module.context("cargo built wasm_check but named no .wasm file")?;
    let mut command = process::program("node");
    command.arg("crates/cpu/examples/wasm_check.mjs").arg(module);
    harness::run_script("wasm kernels", &mut command, KERNELS_LIMIT)
}

fn www(_: &Built) -> Result<Tally> {
    setup::npm_packages()?;
    web::packages()?;
    process::run(process::npm().args(["run", "check"]))?;
    process::run(process::npm().args(["run", "test", "--if-present"]))?;
    Ok(Tally::one())
}

/// The page as `start` serves it: found, typed, in ranges, and refused to strangers.
fn served(_: &Built) -> Result<Tally> {
    serve::check_page(&web::page_folder())?;
    Ok(Tally::one())
}

fn other_clients(built: &Built) -> Result<Tally> {
    let mut envs = built.envs()?;
    envs.push(("INGLE_SEEDED".into(), seeded_models(built)?));
    clients::run(&envs)
}

/// Every script of `tests/web/`; each is a table of cases that prints one line per case.
fn e2e(built: &Built) -> Result<Tally> {
    let Some(chromium) = setup::chromium() else {
        return Ok(Tally::skip("e2e: no Chromium, Chrome or Edge on this machine"));
    };
    let mut envs = built.envs()?;
    envs.push(("INGLE_SEEDED".into(), seeded_models(built)?));
    envs.push(("INGLE_NATIVE_ANSWERS".into(), built.program("native_answers")?.path.clone()));
    let mut tally = Tally::default();
    for script in harness::scripts(&process::root().join("tests/web"), "mjs")? {
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = process::program("node");
        command.arg(&script).env("CHROMIUM", &chromium);
        command.envs(envs.iter().map(|(key, value)| (key, value)));
        tally.add(harness::run_script(&name, &mut command, E2E_LIMIT)?);
    }
    Ok(tally)
}

/// The files of `native-host/deploy`. Their readers come as Python packages that bring their
/// schemas; without Python or a network the step is skipped.
fn deploy(built: &Built) -> Result<Tally> {
    let folder = process::root().join("tests/deploy");
    let python = match python::environment("deploy", &folder.join("requirements.txt")) {
        Ok(python) => python,
        Err(why) => return Ok(Tally::skip(format!("deploy: {why:#}"))),
    };
    let mut command = process::program(python);
    command.arg(folder.join("check.py")).envs(built.envs()?);
    command.env("INGLE_SEEDED", seeded_models(built)?);
    harness::run_script("deploy", &mut command, DEPLOY_LIMIT)
}

/// Writes the seeded models beside the program that makes them.
fn seeded_models(built: &Built) -> Result<PathBuf> {
    let program = &built.program("fixtures")?.path;
    let folder = program.with_file_name("seeded-models");
    let mut command = process::program(program);
    command.args([tools::SUMS, "--out"]).arg(&folder);
    process::run(&mut command)?;
    Ok(folder)
}
