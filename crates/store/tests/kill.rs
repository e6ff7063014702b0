//! Processes that are killed at random times while they pull, create, copy and remove: nothing is
//! damaged, nobody cleans up, and the next process goes on.
//!
//! The child is this same program with a variable that says so. A kill ends a process and not the
//! machine; what a power cut does is for the faults in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Real, Server};
use pollster::block_on;
use store::{
    Ages, BytesBody, Client, FsIo, Layer, ModelConfig, Name, RegistryAccess, Store, media,
};

/// Names the folder of the store; set for children only.
const CHILD: &str = "INGLE_KILL_CHILD";

const KILLS: u64 = 50;

const SIZE: u64 = 8 << 20;

fn open(root: &Path) -> Store<FsIo, Real> {
    Store::new(FsIo::new(root), Real(Instant::now()))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Pulls, creates, copies and removes, over and over or once.
fn work(root: &Path, rounds: usize) {
    let mut server = Server::new(SIZE);
    server.pause = Duration::from_millis(1);
    let client = Client::new(open(root), server);
    let store = client.store();
    for round in 0..rounds {
        block_on(async {
            client.pull(&name("pulled"), RegistryAccess::default(), |_| ()).await.unwrap();
            let bytes = vec![u8::try_from(round % 251).unwrap(); 300_000];
            let (digest, size) = store.put_body(BytesBody::new(bytes), None, None).await.unwrap();
            let layer = Layer::new(media::MODEL, digest, size);
            let manifest = store.manifest_of(ModelConfig::default(), vec![layer]).await.unwrap();
            let old = store.commit(&name("created"), &manifest).await.unwrap().replaced;
            if let Some(old) = old {
                store.remove_replaced(&old).await.unwrap();
            }
            store.copy(&name("pulled"), &name("copied")).await.unwrap();
            store.remove(&name("copied")).await.unwrap();
            store.remove(&name("pulled")).await.unwrap();
        });
    }
}

#[test]
fn child() {
    if let Some(root) = std::env::var_os(CHILD) {
        work(Path::new(&root), usize::MAX);
    }
}

#[test]
fn kills_at_random_times_damage_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let mut seed = 7u64;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, &root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 300));
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself, round {kill}");
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&root);
        let report = block_on(store.verify(None, |_| ())).unwrap();
        assert!(report.is_good(), "after kill {kill}: {report:?}");
    }
    work(&root, 1);
    let store = open(&root);
    assert_eq!(block_on(store.list()).unwrap().models.len(), 1);
    block_on(store.prune(Ages { grace_ms: 0, part_ms: 0 })).unwrap();
    for rest in ["ingle/tmp", "ingle/parts"] {
        let left = std::fs::read_dir(root.join(rest)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{rest}");
    }
}
