//! Finds what the other commands need and installs what is missing and may be installed.
//!
//! Tools of the language ecosystems are installed without asking (the wasm target by rustup, the
//! packages of `www/` by npm): they land in folders that belong to the user. System packages are
//! installed only by root on Debian; everybody else gets the line to run, because a build command
//! should never ask for a password.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, program};

/// The target of the browser module.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Oldest Node.js that the build tools of `www/` run on.
const NODE_MAJOR_MIN: u32 = 20;

/// What the tests use from Debian: three browsers (WebKit's is made in Python and needs a display),
/// Vulkan on the CPU where there is no GPU, somebody else's registry, and a balancer.
const DEBIAN_PACKAGES: [&str; 10] = [
    "chromium",
    "firefox-esr",
    "webkit2gtk-driver",
    "gir1.2-webkit2-4.1",
    "python3-gi",
    "xvfb",
    "mesa-vulkan-drivers",
    "libvulkan1",
    "docker-registry",
    "haproxy",
];

/// Programs of these packages that are only looked for where the packages are.
const DEBIAN_PROGRAMS: [&str; 5] =
    ["firefox-esr", "WebKitWebDriver", "Xvfb", "docker-registry", "haproxy"];

/// Adds the wasm target to the toolchain if it is missing.
pub fn wasm_target() -> Result<()> {
    rust_target(WASM_TARGET)
}

/// Adds a target to the toolchain if it is missing.
pub fn rust_target(target: &str) -> Result<()> {
    let mut print = program(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    print.args(["--print", "target-libdir", "--target", target]);
    let libdir = process::stdout_of(&mut print)?;
    if Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    println!("   adding the Rust target {target}");
    process::run(program("rustup").args(["target", "add", target])).with_context(|| {
        format!(
            "the Rust target {target} is missing and rustup could not add it; install Rust \
             with rustup (https://rustup.rs) or add the target with your system's packages"
        )
    })
}

/// The source of the standard library, which is compiled again for threads in WebAssembly.
pub fn rust_source() -> Result<()> {
    let mut print = program(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let sysroot = process::stdout_of(print.args(["--print", "sysroot"]))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
    if source.is_file() {
        return Ok(());
    }
    println!("   adding the Rust component rust-src");
    process::run(program("rustup").args(["component", "add", "rust-src"]))
        .context("the source of Rust's standard library is missing and rustup could not add it")
}

/// Checks that Node.js and npm are there and new enough.
pub fn node() -> Result<()> {
    let advice = format!(
        "the browser part is built with Node.js {NODE_MAJOR_MIN} or newer and npm; install them \
         from https://nodejs.org and run the command again"
    );
    let version = process::stdout_of(program("node").arg("--version"))
        .with_context(|| format!("Node.js was not found: {advice}"))?;
    let major = node_major(&version).with_context(|| format!("node says '{version}'"))?;
    if major < NODE_MAJOR_MIN {
        bail!("Node.js {} is too old: {advice}", version.trim());
    }
    process::stdout_of(process::npm().arg("--version"))
        .with_context(|| format!("npm was not found: {advice}"))?;
    Ok(())
}

fn node_major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Installs the packages of `www/` if its lock file is not the one that was installed last.
pub fn npm_packages() -> Result<()> {
    npm_packages_of(&process::root().join("www"))
}

/// As [`npm_packages`], for another folder with a `package.json`.
pub fn npm_packages_of(folder: &Path) -> Result<()> {
    node()?;
    let lock = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.installed-lock.json");
    let wanted = fs::read(&lock).ok();
    if wanted.is_some() && wanted == fs::read(&stamp).ok() {
        return Ok(());
    }
    let verb = if wanted.is_some() { "ci" } else { "install" };
    let name = process::base_name(folder);
    println!("   npm {verb} in {name}/");
    let mut command = process::npm();
    command.current_dir(folder).args([verb, "--no-fund", "--no-audit"]);
    process::run(&mut command).with_context(|| {
        format!("npm could not install the packages of {name}/; is this machine online?")
    })?;
    fs::copy(&lock, &stamp).context("npm left no package-lock.json")?;
    Ok(())
}

/// Brings a browser, a Vulkan driver and the servers of other people that tests talk to, if they
/// are missing and may be installed here.
/// Returns what is still missing, as sentences.
pub fn system_packages() -> Result<Vec<String>> {
    if missing().is_empty() || !is_debian() {
        return Ok(missing());
    }
    if !is_root() {
        let advice = advice(&DEBIAN_PACKAGES);
        return Ok(missing().into_iter().map(|what| format!("{what}; {advice}")).collect());
    }
    install(&DEBIAN_PACKAGES)?;
    Ok(missing())
}

/// Installs packages of Debian, where that is possible; `what` says what is missing without.
///
/// # Errors
/// `what`, with the line to run where there is one.
pub fn debian_packages(packages: &[&str], what: &str) -> Result<()> {
    ensure!(is_debian(), "{what}");
    ensure!(is_root(), "{what}; {}", advice(packages));
    install(packages).with_context(|| what.to_string())
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

fn install_line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn advice(packages: &[&str]) -> String {
    format!("run: sudo apt-get update && sudo {}", install_line(packages))
}

fn install(packages: &[&str]) -> Result<()> {
    let line = install_line(packages);
    println!("   apt-get update && {line}");
    for line in ["apt-get update -q", &line] {
        let mut command = program("apt-get");
        command.args(line.split(' ').skip(1)).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command)?;
    }
    Ok(())
}

fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if chromium().is_none() {
        missing.push("no Chromium, Chrome or Edge was found (CHROMIUM=path names one)".to_string());
    }
    if cfg!(target_os = "linux") && !has_vulkan() {
        missing.push("no Vulkan driver was found".to_string());
    }
    // Elsewhere the tests that need them are skipped by name.
    let absent = DEBIAN_PROGRAMS.iter().filter(|name| is_debian() && !is_installed(name));
    missing.extend(absent.map(|name| format!("{name} was not found")));
    if is_debian() && !has_webkit_for_python() {
        missing.push("WebKit for Python was not found".to_string());
    }
    missing
}

/// Where Debian puts programs, and servers, which are on nobody's path but root's. Looked for and
/// not started: not all of them know `--version`.
fn is_installed(name: &str) -> bool {
    ["/usr/bin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(name).is_file())
}

/// The binding that the tests make their WebKit browser with.
fn has_webkit_for_python() -> bool {
    let is_bound = ["x86_64-linux-gnu", "aarch64-linux-gnu"].iter().any(|machine| {
        Path::new("/usr/lib").join(machine).join("girepository-1.0/WebKit2-4.1.typelib").is_file()
    });
    is_bound && Path::new("/usr/lib/python3/dist-packages/gi").is_dir()
}

fn is_root() -> bool {
    process::stdout_of(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn has_vulkan() -> bool {
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let has_driver = env::var_os("VK_DRIVER_FILES").is_some()
        || drivers.iter().any(|dir| fs::read_dir(dir).is_ok_and(|mut dir| dir.next().is_some()));
    let loaders =
        ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    has_driver && loaders.iter().any(|dir| Path::new(dir).join("libvulkan.so.1").exists())
}

/// A browser for the end-to-end tests: `CHROMIUM`, or one in the usual places.
pub fn chromium() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Some(PathBuf::from(path));
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let folders = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    on_path.chain(usual_places()).find(|path| path.is_file())
}

fn usual_places() -> Vec<PathBuf> {
    const MAC: [&str; 3] = [
        "Google Chrome.app/Contents/MacOS/Google Chrome",
        "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        "Chromium.app/Contents/MacOS/Chromium",
    ];
    const WINDOWS: [&str; 3] = [
        "Google\\Chrome\\Application\\chrome.exe",
        "Microsoft\\Edge\\Application\\msedge.exe",
        "Chromium\\Application\\chrome.exe",
    ];
    let below = |variable: &str, tails: [&'static str; 3]| {
        let folder = env::var_os(variable).map(PathBuf::from);
        tails.into_iter().filter_map(move |tail| Some(folder.as_ref()?.join(tail)))
    };
    if cfg!(target_os = "macos") {
        MAC.iter().map(|app| Path::new("/Applications").join(app)).collect()
    } else if cfg!(windows) {
        ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"]
            .into_iter()
            .flat_map(|variable| below(variable, WINDOWS))
            .collect()
    } else {
        vec![PathBuf::from("/snap/bin/chromium")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions() {
        assert_eq!(node_major("v20.20.2\n"), Some(20));
        assert_eq!(node_major("22.1.0"), Some(22));
        assert_eq!(node_major("none"), None);
    }
}
