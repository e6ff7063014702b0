//! Pulls that work: words, sharing, cuts, stalls, kills, waiting for another process.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use proptest::prelude::*;
use store::{Client, Error, FetchError, Loss, MemoryIo, Progress, RegistryAccess, Store};

use crate::lab::{End, Lab, TUNING, all, answer, assert_whole, killed_after, name, rests, weights};

const SIZE: usize = 20_500;

fn pull(lab: &Lab, io: &MemoryIo) -> Result<store::Name, Error> {
    lab.clock.run(lab.client(io).pull(&name("m"), RegistryAccess::default(), |_| ()))
}

#[test]
fn a_pull_says_ollamas_words_and_stores_the_registrys_bytes() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let manifest = lab.publish("m", &weights(SIZE, 1));
    let client = lab.client(&io);
    let lines = RefCell::new(Vec::<Progress>::new());
    let report = |line| lines.borrow_mut().push(line);
    lab.clock.run(client.pull(&name("m"), RegistryAccess::default(), report)).unwrap();
    let mut words: Vec<String> = lines.borrow().iter().map(|line| line.status.clone()).collect();
    words.dedup();
    let mut wanted = vec!["pulling manifest".to_owned()];
    wanted.extend(manifest.blobs().iter().map(|l| format!("pulling {}", l.digest.short())));
    wanted.extend(["verifying sha256 digest", "writing manifest", "success"].map(String::from));
    assert_eq!(words, wanted);
    for layer in manifest.blobs() {
        let lines = lines.borrow();
        let of_layer = lines.iter().filter(|line| line.digest == Some(layer.digest));
        let done: Vec<u64> = of_layer.filter_map(|line| line.completed).collect();
        assert!(done.is_sorted() && done.last() == Some(&layer.size), "{done:?}");
    }
    assert!(lines.borrow().len() > 30, "progress in steps");
    let model = lab.clock.run(client.store().get(&name("m"))).unwrap();
    assert_eq!(model.manifest.raw(), manifest.raw());
    assert_eq!((lab.sent.get(), rests(&io)), (manifest.size(), vec![]));
    assert_whole(&lab.clock, &io);
    // Again: nothing is fetched but the manifest.
    pull(&lab, &io).unwrap();
    assert_eq!((lab.sent.get(), lab.count("/manifests/")), (manifest.size(), 2));
}

#[test]
fn what_a_new_version_replaces_is_removed() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    lab.publish("m", &weights(3000, 1));
    pull(&lab, &io).unwrap();
    let manifest = lab.publish("m", &weights(3000, 2));
    pull(&lab, &io).unwrap();
    let blobs = io.dump().into_iter().filter(|(path, _)| path.starts_with("blobs/")).count();
    assert_eq!(blobs, manifest.blobs().len());
    assert_whole(&lab.clock, &io);
}

#[test]
fn sixty_four_pulls_at_once_are_one_transfer() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let manifest = lab.publish("m", &weights(SIZE, 2));
    let client = lab.client(&io);
    let model = name("m");
    let pulls = (0..64).map(|_| -> Pin<Box<dyn Future<Output = Result<u64, Error>>>> {
        let (client, model) = (client.clone(), model.clone());
        Box::pin(async move {
            let mut most = 0;
            let report = |line: Progress| {
                let done = line.completed.unwrap_or(0);
                most = done.max(most);
            };
            client.pull(&model, RegistryAccess::default(), report).await?;
            Ok(most)
        })
    });
    for most in lab.clock.run(all(pulls.collect())) {
        assert_eq!(most, Ok(SIZE as u64));
    }
    assert_eq!(lab.sent.get(), manifest.size());
}

#[test]
fn who_goes_away_takes_nothing_from_the_others() {
    for steps in [1, 5, 12, 20] {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let manifest = lab.publish("m", &weights(SIZE, 3));
        let client = lab.client(&io);
        let model = name("m");
        let access = RegistryAccess::default;
        lab.clock.run(async {
            let first = killed_after(steps, client.pull(&model, access(), |_| ()));
            let second = client.pull(&model, access(), |_| ());
            let (first, second) = futures_util::future::join(first, second).await;
            assert!(first.is_none() && second.is_ok());
        });
        assert_eq!(lab.sent.get(), manifest.size());
    }
}

#[test]
fn two_processes_make_one_transfer() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let manifest = lab.publish("m", &weights(SIZE, 4));
    let model = name("m");
    // Clients of their own share the disk and its locks, and nothing else.
    let pulls = (0..8).map(|_| -> Pin<Box<dyn Future<Output = Result<store::Name, Error>>>> {
        let (client, model) = (lab.client(&io), model.clone());
        Box::pin(async move { client.pull(&model, RegistryAccess::default(), |_| ()).await })
    });
    for done in lab.clock.run(all(pulls.collect())) {
        assert_eq!(done, Ok(model.clone()));
    }
    assert_eq!(lab.sent.get(), manifest.size());
    assert_whole(&lab.clock, &io);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn cuts_cost_no_byte(cuts in prop::collection::vec(1u64..3000, 1..60)) {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let manifest = lab.publish("m", &weights(SIZE, 5));
        let mut cuts = cuts.into_iter();
        *lab.cuts.borrow_mut() = Box::new(move || cuts.next());
        pull(&lab, &io).unwrap();
        prop_assert_eq!(lab.sent.get(), manifest.size());
        assert_whole(&lab.clock, &io);
    }

    #[test]
    fn a_kill_costs_one_piece_per_connection(steps in prop::collection::vec(1usize..45, 1..6)) {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let manifest = lab.publish("m", &weights(SIZE, 6));
        for steps in &steps {
            let client = lab.client(&io);
            let model = name("m");
            let pull = client.pull(&model, RegistryAccess::default(), |_| ());
            lab.clock.run(killed_after(*steps, pull));
            io.restart(Loss::Nothing);
            assert_whole(&lab.clock, &io);
        }
        pull(&lab, &io).unwrap();
        let per_kill = TUNING.connections as u64 * (TUNING.piece_bytes + lab.chunk.get() as u64);
        let twice = lab.sent.get() - manifest.size();
        prop_assert!(twice <= per_kill * steps.len() as u64, "{} bytes twice", twice);
        assert_whole(&lab.clock, &io);
    }
}

#[test]
fn a_kill_at_every_step_leaves_a_store_that_goes_on() {
    let mut done = false;
    let mut steps = 0;
    while !done {
        steps += 1;
        let (lab, io) = (Lab::new(), MemoryIo::default());
        lab.publish("m", &weights(5000, 7));
        let client = lab.client(&io);
        let model = name("m");
        let pull_once = client.pull(&model, RegistryAccess::default(), |_| ());
        done = lab.clock.run(killed_after(steps, pull_once)).is_some();
        io.restart(Loss::Nothing);
        assert_whole(&lab.clock, &io);
        pull(&lab, &io).unwrap();
        assert_eq!(rests(&io), Vec::<String>::new(), "after {steps} steps");
        assert_whole(&lab.clock, &io);
    }
    assert!(steps > 30, "{steps}");
}

#[test]
fn a_stalled_connection_is_asked_again() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let weights = weights(SIZE, 8);
    let manifest = lab.publish("m", &weights);
    let mut first = true;
    let whole = weights.clone();
    lab.at("/blobs/", move |request| {
        let range = request.headers.get("range")?;
        let is_last = range.starts_with("bytes=20000");
        if !is_last || !std::mem::take(&mut first) {
            return None;
        }
        // Ninety-nine percent, then silence.
        let headers = [("Content-Range", "bytes 20000-20499/20500")];
        answer(206, &headers, &whole[20_000..20_300])?.ending(End::Silence)
    });
    let start = store::Clock::now_ms(&lab.clock);
    pull(&lab, &io).unwrap();
    let seconds = (store::Clock::now_ms(&lab.clock) - start) / 1000;
    assert!((30..60).contains(&seconds), "{seconds} s");
    assert_eq!(lab.sent.get(), manifest.size() - 300);
}

#[test]
fn a_dead_server_is_given_up_after_tries_with_growing_waits() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    lab.publish("m", &weights(SIZE, 9));
    lab.at("/blobs/", |_| {
        answer(503, &[], b"{\"errors\":[{\"code\":\"X\",\"message\":\"busy\"}]}")
    });
    let error = pull(&lab, &io).unwrap_err();
    assert_eq!(error.to_string(), "the download: registry.ollama.ai answered 503: busy");
    assert_eq!(store::Clock::now_ms(&lab.clock), 31_000);
    lab.at("/blobs/", |_| answer(206, &[], b"")?.ending(End::Cut));
    assert!(matches!(pull(&lab, &io), Err(Error::Protocol { .. })));
    lab.script(|_| None);
    pull(&lab, &io).unwrap();
}

#[test]
fn a_server_without_ranges_is_read_from_its_beginning() {
    for cut in [None, Some(7_777)] {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let bytes = weights(SIZE, 10);
        lab.publish("m", &bytes);
        let digest = store::Digest::of(&bytes);
        let mut cut = cut;
        lab.script(move |request| {
            if !request.url.path().ends_with(&digest.to_string()) {
                return None;
            }
            match cut.take() {
                Some(n) => answer(200, &[], &bytes[..n])?.ending(End::Cut),
                None => answer(200, &[("Content-Length", "20500")], &bytes),
            }
        });
        pull(&lab, &io).unwrap();
        assert_whole(&lab.clock, &io);
        // Four connections ask; all but one leave it to the first, which goes on after a cut.
        assert!(lab.count("/blobs/") <= 4 + 3 + 2, "{}", lab.count("/blobs/"));
    }
}

#[test]
fn bit_rot_in_a_part_is_found_and_fetched_again() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let bytes = weights(SIZE, 11);
    let manifest = lab.publish("m", &bytes);
    let client = lab.client(&io);
    lab.clock.run(killed_after(20, client.pull(&name("m"), RegistryAccess::default(), |_| ())));
    io.restart(Loss::Nothing);
    let before = lab.sent.get();
    let part = store::StorePath::part(&store::PartKey::Blob(store::Digest::of(&bytes)));
    let file = lab.clock.run(store::BlobIo::open(&io, &part, store::Access::Write)).unwrap();
    store::BlobFile::write_at(&file, 10, &[bytes[10] ^ 1]).unwrap();
    assert!(before > 4000, "{before}");
    pull(&lab, &io).unwrap();
    // The damaged piece and what the kill cost, not the whole.
    let twice = lab.sent.get() - manifest.size();
    let kill = TUNING.connections as u64 * (TUNING.piece_bytes + lab.chunk.get() as u64);
    assert!((1..=kill + TUNING.piece_bytes).contains(&twice), "{twice}");
    assert_whole(&lab.clock, &io);
}

#[test]
fn names_are_found_whatever_their_case() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    lab.publish("m", &weights(100, 12));
    pull(&lab, &io).unwrap();
    let client = lab.client(&io);
    let stored = lab.clock.run(client.pull(&name("M:LATEST"), RegistryAccess::default(), |_| ()));
    assert_eq!(stored.unwrap().to_string(), "m:latest");
    assert_eq!(lab.clock.run(client.store().list()).unwrap().models.len(), 1);
}

#[test]
fn a_pinned_manifest_is_the_one_that_is_pulled() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let manifest = lab.publish("m", &weights(100, 13));
    let client = lab.client(&io);
    let pinned = name(&format!("m@{}", manifest.digest()));
    lab.clock.run(client.pull(&pinned, RegistryAccess::default(), |_| ())).unwrap();
    let other = name(&format!("m@{}", store::Digest::of(b"other")));
    let error = lab.clock.run(client.pull(&other, RegistryAccess::default(), |_| ())).unwrap_err();
    assert!(matches!(error, Error::NotAtRegistry { .. }), "{error}");
}

#[test]
fn no_connection_is_one_sentence() {
    #[derive(Clone)]
    struct Down(Rc<RefCell<u32>>);
    impl store::Fetch for Down {
        type Body = store::BytesBody;
        async fn fetch(
            &self,
            _: store::Request,
        ) -> Result<store::Response<store::BytesBody>, FetchError> {
            *self.0.borrow_mut() += 1;
            Err(FetchError::Connection("no route to host".into()))
        }
    }
    let clock = store::ManualClock::default();
    let client = Client::new(Store::new(MemoryIo::default(), clock.clone()), Down(Rc::default()));
    let error = clock.run(client.pull(&name("m"), RegistryAccess::default(), |_| ())).unwrap_err();
    let wanted = "registry.ollama.ai: the connection failed: no route to host";
    assert_eq!(error.to_string(), wanted);
}
