//! The kernels of 64-bit Arm processors, compiled for one and run on emulated ones.
//!
//! Only the CPU player and what it needs is built: that is a minute, while wgpu for a second target
//! would take several, and the rest of the project has no code of its own for Arm. Three processors
//! have three sets of instructions; each must find exactly its own, best first, so that a kernel
//! that was never run, or would be run where it cannot, fails here. What an emulator says about
//! time means nothing, so tests that measure are left out.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::harness::{self, Program};
use crate::process::{self, program};
use crate::report::Tally;
use crate::setup;

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Linker and C library of the target, as Debian names them.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const C_LIBRARY: &str = "/usr/aarch64-linux-gnu";
const EMULATORS: [&str; 2] = ["qemu-aarch64", "qemu-aarch64-static"];
/// What brings all of these on Debian.
const PACKAGES: &[&str] =
    &["qemu-user", "gcc-aarch64-linux-gnu", "libc6-arm64-cross", "libc6-dev-arm64-cross"];

/// Tests of the CPU player that do not measure time.
const TESTS: [&str; 7] = ["--lib", "--test", "player", "--test", "golden", "--test", "allocations"];

/// A processor that has all sets. Tests of threads, jobs and refusals run here only; where those of
/// kernels and whole models hold, they cannot differ.
const BEST: &str = "max";
const EVERYWHERE: [&str; 2] = ["cpu", "cpu/golden"];

/// Emulated processors, with the name (where it is a real one) and the instruction sets that the
/// player must find on each.
const PROCESSORS: [(&str, Option<&str>, &str); 3] = [
    (BEST, None, "NEON i8mm, NEON dotprod, NEON, portable"),
    ("cortex-a76", Some("Cortex-A76"), "NEON dotprod, NEON, portable"),
    ("cortex-a57", Some("Cortex-A57"), "NEON, portable"),
];

/// Lints what no other target compiles, builds the tests once and runs them on every processor.
pub fn run() -> Result<Tally> {
    let emulator = match tools() {
        Ok(emulator) => emulator,
        Err(reason) => return Ok(Tally::skip(format!("aarch64: {reason:#}"))),
    };
    let clippy = ["clippy", "--quiet", "-p", "cpu", "--target", TARGET, "--all-targets"];
    process::run(process::cargo().args(clippy).args(["--", "-D", "warnings"]))?;
    let mut args = vec!["test", "--no-run", "-p", "cpu", "--target", TARGET];
    args.extend(TESTS);
    let envs = [("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)];
    let programs = harness::build_with(&args, &envs)?;
    let mut tally = Tally::one();
    for (processor, name, sets) in PROCESSORS {
        let is_due = |name: &str| processor == BEST || EVERYWHERE.contains(&name);
        for test in programs.iter().filter(|test| test.is_test && is_due(&test.name)) {
            let mut command = program(&emulator);
            command.args(["-L", C_LIBRARY, "-cpu", processor]).arg(&test.path);
            command.env("INGLE_EXPECT_SETS", sets);
            command.envs(name.map(|name| ("INGLE_EXPECT_CPU", name)));
            let shown = format!("{} on {processor}", test.name);
            let named = Program { name: shown, ..test.clone() };
            tally.add(harness::run_as(&named, command)?);
        }
    }
    Ok(tally)
}

/// Finds or installs the target, the linker and the emulator; gives the emulator.
fn tools() -> Result<PathBuf> {
    anyhow::ensure!(
        cfg!(target_os = "linux"),
        "programs for Linux on Arm can be emulated on Linux only"
    );
    anyhow::ensure!(
        env::consts::ARCH != "aarch64",
        "this machine is one, and its unit tests ran these kernels"
    );
    setup::rust_target(TARGET)?;
    if let Some(emulator) = emulator() {
        return Ok(emulator);
    }
    let what = format!("{}, {LINKER} or {C_LIBRARY} is missing", EMULATORS[0]);
    setup::debian_packages(PACKAGES, &what)?;
    emulator().ok_or_else(|| anyhow::anyhow!("{what}"))
}

/// The emulator, if linker and library are there too.
fn emulator() -> Option<PathBuf> {
    let found = EMULATORS.into_iter().find(|name| process::exists(name))?;
    let is_ready = process::exists(LINKER) && Path::new(C_LIBRARY).join("lib/libc.so.6").exists();
    is_ready.then(|| PathBuf::from(found))
}
