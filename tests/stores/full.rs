//! A disk that is full, before and in the middle of things: what fails says need and have, the
//! store stays good, and after freeing space the same command succeeds.
//!
//! The disk is a small tmpfs of its own, so root is needed to mount it, and Linux.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::rng::Stream;
use tests::scratch::Scratch;

use crate::models::{assert_intact, import, noise};
use crate::proxy::{Act, Proxy, Way};
use crate::serve::Serve;
use crate::{count, http};

/// Bytes of the disk: several models and the margin that the store keeps free.
const DISK: &str = "size=48m";
/// The model, MiB.
const MIB: u64 = 6;
/// Times the disk is full, over all kinds of work; `INGLE_FULL` says another number.
const TIMES: usize = 50;
/// What a page takes.
const PAGE: u64 = 4096;

/// A disk of its own, unmounted in the end.
struct Disk(Space);

/// What is free on it: a file takes the rest.
#[derive(Clone)]
struct Space {
    folder: PathBuf,
}

impl Disk {
    fn mount(scratch: &Scratch, test: &str) -> Option<Disk> {
        let folder = scratch.path("disk");
        std::fs::create_dir(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&folder);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Disk(Space { folder })),
            _ => {
                println!(
                    "SKIPPED {test}: a small disk cannot be mounted here (root can, on Linux)"
                );
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Busy or not, it shall go when its last user does.
        let _ = Command::new("umount").arg("-l").arg(&self.0.folder).status();
    }
}

impl Space {
    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Takes all space but so many bytes, in whole pages.
    fn fill(&self, leave: u64) {
        let mut filler = File::create(self.filler()).unwrap();
        let zeros = vec![0; 1 << 20];
        let mut len: u64 = 0;
        loop {
            match filler.write(&zeros) {
                Ok(n) => len += n as u64,
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
        filler.set_len(len.saturating_sub(leave.next_multiple_of(PAGE))).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

/// The store on the small disk, and where models come from.
struct Lab {
    space: Space,
    server: Serve,
    registry: Serve,
    slowest: Duration,
    /// Last, so that it goes after what uses it.
    _disk: Disk,
    root: PathBuf,
}

const MODEL: &str = "me/noise";

impl Lab {
    fn new(scratch: &Scratch, test: &str) -> Option<Lab> {
        let disk = Disk::mount(scratch, test)?;
        let space = disk.0.clone();
        let source = scratch.path("registry");
        import(&source, MODEL, noise(MIB, 1));
        let registry = Serve::start_with(&source, &["--registry"], &[]);
        let root = space.folder.join("store");
        let server = Serve::start(&root);
        Some(Lab { space, root, server, registry, slowest: Duration::ZERO, _disk: disk })
    }

    /// The work fails on the full disk and succeeds when there is space. It gives what was said
    /// last, and whether it is done.
    fn fails_then_succeeds(&mut self, what: &str, work: impl Fn(&Serve) -> (bool, String)) {
        let start = Instant::now();
        let (is_done, said) = work(&self.server);
        self.slowest = self.slowest.max(start.elapsed());
        let words = ["not enough disk space: ", " needed, ", " free; "];
        assert!(!is_done && words.iter().all(|word| said.contains(word)), "{what}: {said}");
        assert_intact(&self.root, what);
        self.space.free();
        let (is_done, said) = work(&self.server);
        assert!(is_done, "{what}: {said}");
        assert_intact(&self.root, what);
    }

    fn remove(&self, name: &str) {
        assert_eq!(self.server.ingle(&["rm", name]).code, Some(0));
    }

    /// Full before the pull begins: the store looks first.
    fn pull_at_once(&mut self, leave: u64) {
        let name = format!("{}/{MODEL}", self.registry.address);
        self.space.fill(leave);
        self.fails_then_succeeds("a pull", command(&["pull", "--insecure", &name]));
        self.remove(&name);
    }

    /// Full when so many bytes have come.
    fn pull_in_the_middle(&mut self, at: u64) {
        let space = self.space.clone();
        let proxy = Proxy::start(&self.registry.address, Way::Down, vec![at], move || {
            space.fill(0);
            Act::GoOn
        });
        let name = format!("{}/{MODEL}", proxy.address);
        let args = ["pull", "--insecure", &name];
        self.fails_then_succeeds("a pull that had begun", command(&args));
        self.remove(&name);
    }

    /// Full before a file is uploaded, of which so many bytes have room: what is said to be needed
    /// is all of it, and what the store keeps free.
    fn create_at_once(&mut self, file: &[u8], leave: u64) {
        self.space.fill(leave);
        let need = file.len() as u64 + store::limits::SPACE_MARGIN;
        let need = format!(": {} needed", store::human_bytes(need));
        self.fails_then_succeeds("a create", |server| {
            let (status, last) = http::create(&server.address, "new", file, || ()).unwrap();
            let is_done = status == 200 && last["status"] == "success";
            assert!(is_done || last.to_string().contains(&need), "{need}: {last}");
            (is_done, last.to_string())
        });
        self.remove("new");
    }

    /// Full when half of a file was sent.
    fn create_in_the_middle(&mut self, file: &[u8]) {
        let (space, is_first) = (self.space.clone(), Cell::new(true));
        self.fails_then_succeeds("a create that had begun", |server| {
            let fill = || {
                if is_first.replace(false) {
                    space.fill(0)
                }
            };
            let (status, last) = http::create(&server.address, "new", file, fill).unwrap();
            (status == 200 && last["status"] == "success", last.to_string())
        });
        self.remove("new");
    }

    /// Full when a second name is written.
    fn copy(&mut self, from: &str) {
        self.space.fill(0);
        self.fails_then_succeeds("a copy", command(&["cp", from, "copied"]));
        self.remove("copied");
    }
}

/// The `ingle` command: whether it ended well, and what it said last.
fn command<'a>(args: &'a [&'a str]) -> impl Fn(&Serve) -> (bool, String) + 'a {
    move |server| {
        let run = server.ingle(args);
        (run.code == Some(0), run.stderr.lines().last().unwrap_or_default().to_owned())
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let scratch = Scratch::new();
    let Some(mut lab) = Lab::new(&scratch, "a_full_disk_is_said_and_survived") else { return };
    let (size, stream) = (MIB << 20, Stream::new(3, "full"));
    let new = noise(MIB, 2);
    let kept = format!("{}/{MODEL}", lab.registry.address);
    for i in 0..count("INGLE_FULL", TIMES) as u64 {
        let part = stream.bits(i) % size;
        match i % 10 {
            0 | 1 => lab.pull_at_once(part),
            2..6 => lab.pull_in_the_middle(part),
            6 | 7 => lab.create_at_once(&new, part),
            8 => lab.create_in_the_middle(&new),
            _ => {
                assert_eq!(lab.server.ingle(&["pull", "--insecure", &kept]).code, Some(0));
                lab.copy(&kept);
                lab.remove(&kept);
            }
        }
    }
    println!("the slowest refusal took {:?}", lab.slowest);
}
