//! Every operation on the disk fails in turn, or the power goes there; the disk is full at every
//! size. Afterwards the store is whole, and the same request succeeds.

use std::future::Future;

use store::{BytesBody, Clock, Error, Fault, Loss, ManualClock, MemoryIo, RegistryAccess, Store};

use crate::lab::{Lab, LabClient, LabStore, assert_whole, make_model, name, rests, weights};

/// What is done under faults.
#[derive(Clone, Copy, Debug)]
enum Work {
    Pull,
    Create,
    Copy,
    Remove,
    Load,
    Prune,
}

const WORKS: [Work; 6] =
    [Work::Pull, Work::Create, Work::Copy, Work::Remove, Work::Load, Work::Prune];

/// A store with one model in it, a registry with another.
struct Bench {
    lab: Lab,
    io: MemoryIo,
    archive: Vec<u8>,
}

impl Bench {
    fn new() -> Bench {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        io.set_time(lab.clock.unix_ms());
        lab.publish("pulled", &weights(4500, 1));
        lab.publish("kept", &weights(1500, 2));
        lab.publish("loaded", &weights(3300, 3));
        let mut archive = Vec::new();
        lab.clock.run(lab.registry.save(&name("loaded"), &mut archive, |_| ())).unwrap();
        let client = lab.client(&io);
        lab.clock.run(client.pull(&name("kept"), RegistryAccess::default(), |_| ())).unwrap();
        lab.clock.run(client.store().copy(&name("kept"), &name("removed"))).unwrap();
        lab.clock.run(client.store().put_bytes(b"an orphan")).unwrap();
        Bench { lab, io, archive }
    }

    fn client(&self) -> LabClient {
        self.lab.client(&self.io)
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.lab.clock.run(future)
    }

    fn work(&self, work: Work) -> Result<(), Error> {
        let client = self.client();
        let store = client.store();
        self.run(async {
            match work {
                Work::Pull => {
                    client.pull(&name("pulled"), RegistryAccess::default(), |_| ()).await?;
                }
                Work::Create => {
                    let body = BytesBody::new(weights(2500, 4));
                    let (digest, size) = store.put_body(body, None, Some(2500)).await?;
                    let layer = store::Layer::new(store::media::MODEL, digest, size);
                    let config = store::ModelConfig::default();
                    let manifest = store.manifest_of(config, vec![layer]).await?;
                    store.commit(&name("created"), &manifest).await?;
                }
                Work::Copy => {
                    store.copy(&name("kept"), &name("me/copied")).await?;
                }
                Work::Remove => match store.remove(&name("removed")).await {
                    Err(Error::NotFound { .. }) => {}
                    other => drop(other?),
                },
                Work::Load => {
                    store.load(BytesBody::new(self.archive.clone()), None, |_| ()).await?;
                }
                Work::Prune => {
                    store.prune(store::Ages { grace_ms: 0, part_ms: 0 }).await?;
                }
            }
            Ok(())
        })
    }

    /// The model that was there before is there, and everything is whole.
    fn assert_intact(&self, context: &str) {
        let store: LabStore = Store::new(self.io.clone(), self.lab.clock.clone());
        let listing = self.run(store.list()).unwrap();
        assert_eq!(listing.skipped, [], "{context}");
        assert!(self.run(store.get(&name("kept"))).is_ok(), "{context}");
        assert_whole(&self.lab.clock, &self.io);
    }
}

/// Fails at the nth operation for all n; `restart` says what happens before the next try.
fn at_every_operation(fault: Fault, restart: impl Fn(&MemoryIo, u64)) {
    for work in WORKS {
        let mut n_failed = 0;
        for n in 0.. {
            let bench = Bench::new();
            bench.io.fail_at(bench.io.ops() + n, fault);
            let result = bench.work(work);
            let context = format!("{work:?}, {fault:?} at operation {n}: {result:?}");
            let is_past_the_end = bench.io.call_off();
            restart(&bench.io, n);
            bench.assert_intact(&context);
            bench.work(work).unwrap_or_else(|error| panic!("{context}, again: {error}"));
            bench.assert_intact(&context);
            n_failed += u32::from(result.is_err());
            if is_past_the_end {
                assert!(result.is_ok(), "{context}");
                break;
            }
        }
        assert!(n_failed > 0, "{work:?} never failed");
    }
}

#[test]
fn an_error_at_every_operation() {
    at_every_operation(Fault::Error, |_, _| ());
}

#[test]
fn a_full_disk_at_every_operation() {
    at_every_operation(Fault::Full, |_, _| ());
}

#[test]
fn a_kill_at_every_operation() {
    at_every_operation(Fault::Crash, |io, _| io.restart(Loss::Nothing));
}

#[test]
fn a_power_cut_at_every_operation() {
    for seed in 0..4 {
        at_every_operation(Fault::Crash, |io, n| io.restart(Loss::Unsynced(seed * 1000 + n)));
    }
}

#[test]
fn a_full_disk_names_need_and_have_and_is_resumed() {
    let mut n_full = 0;
    for step in 0..50 {
        let bench = Bench::new();
        let used = bench.io.used();
        bench.io.set_capacity(Some(used + step * 120));
        let full = bench.work(Work::Pull).unwrap_err();
        let Error::Full { need, have } = full else { panic!("{full}") };
        assert!(need > have, "{need} {have}");
        n_full += 1;
        bench.assert_intact(&format!("{step}"));
        bench.io.set_capacity(None);
        bench.work(Work::Pull).unwrap();
        bench.assert_intact(&format!("{step}, with room"));
    }
    assert_eq!(n_full, 50);
}

#[test]
fn a_disk_that_fills_up_in_the_middle_is_resumed() {
    // The host says nothing of free space, as some file systems do: writing fails instead.
    for room in (0..5500).step_by(110) {
        let bench = Bench::new();
        let used = bench.io.used();
        let blind = Blind(bench.io.clone());
        bench.io.set_capacity(Some(used + room));
        let store = Store::new(blind, bench.lab.clock.clone());
        let client = store::Client::new(store, bench.lab.clone()).with_tuning(crate::lab::TUNING);
        let pulled = name("pulled");
        let result = bench.run(client.pull(&pulled, RegistryAccess::default(), |_| ()));
        if let Err(error) = &result {
            assert!(matches!(error, Error::Full { .. }), "{error}");
        }
        bench.assert_intact(&format!("{room}: {result:?}"));
        let before = bench.lab.sent.get();
        bench.io.set_capacity(None);
        bench.work(Work::Pull).unwrap();
        bench.assert_intact(&format!("{room}, with room"));
        assert!(bench.lab.sent.get() - before <= 5000);
    }
}

/// A disk that does not say how full it is.
struct Blind(MemoryIo);

impl store::BlobIo for Blind {
    type File = store::MemoryFile;
    type Sum = store::SumHere;
    type Lock = store::MemoryLock;

    fn sum(&self, len: u64) -> store::SumHere {
        self.0.sum(len)
    }

    async fn open(
        &self,
        path: &store::StorePath,
        access: store::Access,
    ) -> Result<store::MemoryFile, store::IoError> {
        self.0.open(path, access).await
    }

    async fn stat(&self, path: &store::StorePath) -> Result<Option<store::Stat>, store::IoError> {
        self.0.stat(path).await
    }

    async fn list(&self, at: &store::StorePath) -> Result<Vec<store::Entry>, store::IoError> {
        self.0.list(at).await
    }

    async fn rename(
        &self,
        from: &store::StorePath,
        to: &store::StorePath,
    ) -> Result<(), store::IoError> {
        self.0.rename(from, to).await
    }

    async fn remove(&self, path: &store::StorePath) -> Result<bool, store::IoError> {
        self.0.remove(path).await
    }

    async fn remove_folder(&self, at: &store::StorePath) -> Result<bool, store::IoError> {
        self.0.remove_folder(at).await
    }

    async fn free_space(&self) -> Option<u64> {
        None
    }

    async fn try_lock(
        &self,
        path: &store::StorePath,
    ) -> Result<Option<store::MemoryLock>, store::IoError> {
        self.0.try_lock(path).await
    }
}

#[test]
fn what_a_crash_leaves_is_pruned_after_its_time() {
    let bench = Bench::new();
    bench.io.fail_at(bench.io.ops() + 12, Fault::Crash);
    bench.work(Work::Pull).unwrap_err();
    bench.io.restart(Loss::Nothing);
    assert!(!rests(&bench.io).is_empty());
    let store: LabStore = Store::new(bench.io.clone(), bench.lab.clock.clone());
    let young = bench.run(store.prune(store::Ages::default())).unwrap();
    assert!(young.n_young > 0 && young.n_rests == 0 && young.blobs.is_empty(), "{young:?}");
    bench.lab.clock.advance(8 * 24 * 3_600_000);
    let old = bench.run(store.prune(store::Ages::default())).unwrap();
    assert!(old.n_rests > 0 && old.blobs.len() == 1, "{old:?}");
    assert_eq!(rests(&bench.io), Vec::<String>::new());
    bench.assert_intact("pruned");
}

#[test]
fn a_clock_that_jumps_back_keeps_things() {
    let bench = Bench::new();
    let store: LabStore = Store::new(bench.io.clone(), ManualClock::default());
    bench.io.set_time(u64::MAX);
    bench.run(store.put_bytes(b"from the future")).unwrap();
    let pruned = bench.run(store.prune(store::Ages::default())).unwrap();
    assert_eq!((pruned.n_young, pruned.blobs.len()), (2, 0));
    bench.lab.clock.advance(365 * 24 * 3_600_000);
    bench.assert_intact("a year later");
}

#[test]
fn a_blob_that_is_pruned_while_its_manifest_is_made_is_no_model() {
    let (clock, io) = (ManualClock::default(), MemoryIo::default());
    let store = Store::new(io.clone(), clock.clone());
    let manifest = clock.run(make_model(&store, b"weights"));
    clock.run(store.prune(store::Ages { grace_ms: 0, part_ms: 0 })).unwrap();
    let error = clock.run(store.commit(&name("m"), &manifest)).unwrap_err();
    assert!(matches!(error, Error::BlobMissing { .. }), "{error}");
    assert_eq!(clock.run(store.list()).unwrap().models, []);
}
