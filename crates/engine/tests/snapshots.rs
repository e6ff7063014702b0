//! Snapshots: what comes from one is what would have been in the cache; what is wrong with one
//! costs the reading of the prompt and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::rc::Rc;

use common::{block_on, env, finish, gguf};
use engine::actor::{Command, Event, Port, run};
use engine::snapshot::{Format, Kept, Saved, Shelf, SnapshotError};
use engine::{Prompt, Request, Session, Step};
use kernels::{KvShape, KvType, PlayerConfig};

/// Files in memory, with the room of a disk.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<BTreeMap<String, Vec<u8>>>>, Option<usize>);

struct File(Disk, String);

impl Shelf for Disk {
    fn open(&mut self, key: &str) -> Option<Box<dyn Kept>> {
        self.0.borrow_mut().entry(key.to_owned()).or_default();
        Some(Box::new(File(self.clone(), key.to_owned())))
    }
}

impl File {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        f(self.0.0.borrow_mut().get_mut(&self.1).unwrap())
    }
}

impl Kept for File {
    fn size(&self) -> u64 {
        self.with(|bytes| bytes.len() as u64)
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> bool {
        let at = at as usize;
        self.with(|bytes| match bytes.get(at..at + into.len()) {
            Some(bytes) => into.copy_from_slice(bytes),
            None => panic!("{} bytes at {at} of {}", into.len(), bytes.len()),
        });
        true
    }

    fn write(&mut self, at: u64, new: &[u8]) -> bool {
        let end = at as usize + new.len();
        let has_room = self.0.1.is_none_or(|room| end <= room);
        self.with(|bytes| {
            assert!(bytes.len() >= at as usize, "no holes");
            if has_room {
                bytes.resize(bytes.len().max(end), 0);
                bytes[at as usize..end].copy_from_slice(new);
            }
        });
        has_room
    }

    fn cut(&mut self, size: u64) -> bool {
        self.with(|bytes| bytes.truncate(size as usize));
        true
    }
}

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 700, n_slots: 1, kv: KvType::F16, n_threads: 1 };

fn load(config: PlayerConfig, model: &str, disk: &Disk) -> Session {
    let opened = engine::open(gguf(None)).unwrap();
    let progress = |_, _| ControlFlow::Continue(());
    let load = opened.load(config, kernels::reference::loader, env(), progress);
    let mut session = block_on(load).unwrap();
    assert!(session.keep_snapshots(Box::new(disk.clone()), model));
    session
}

fn ids(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| 3 + (i * 37 + i / 7) % 250).collect()
}

fn request(ids: &[u32], max_tokens: usize) -> Request {
    Request {
        snapshot: Some("chat".to_owned()),
        max_tokens: Some(max_tokens),
        ignore_eos: true,
        sampling: kernels::Sampling::default(),
        ..Request::new(Prompt::Tokens(ids.to_vec()))
    }
}

/// Ids of an answer, and how many tokens of the prompt were not read.
fn answer(session: &mut Session, ids: &[u32]) -> (Vec<u32>, usize) {
    let output = finish(session.generate(request(ids, 6)).unwrap());
    (output.ids, output.summary.reused_tokens)
}

/// A first turn of `n` tokens and what was kept of it; the prompt of the next turn.
fn first_turn(session: &mut Session, n: usize) -> (Vec<u32>, Saved) {
    let mut prompt = ids(n);
    let (written, _) = answer(session, &prompt);
    prompt.extend(written);
    prompt.extend([9, 8, 7, 6]);
    (prompt, block_on(session.save_snapshot("chat")).unwrap())
}

#[test]
fn the_next_turn_after_a_reload_is_the_one_without_it() {
    for n in [40, 127, 128, 300] {
        for (n_ctx, n_slots) in [(700, 1), (320, 3)] {
            let disk = Disk::default();
            let mut first = load(CONFIG, "m", &disk);
            let (prompt, saved) = first_turn(&mut first, n);
            assert_eq!(saved.n_tokens, n + 5, "the last token of an answer is not evaluated");
            let file = disk.0.borrow()["chat"].len() as u64;
            assert_eq!((saved.n_bytes, saved.n_written), (file, file));
            let mut second = load(PlayerConfig { n_ctx, n_slots, ..CONFIG }, "m", &disk);
            let (got, reused) = answer(&mut second, &prompt);
            assert_eq!((got, reused), answer(&mut first, &prompt), "{n} tokens, {n_ctx}");
            assert_eq!(reused, n + 5);
        }
    }
}

#[test]
fn another_continuation_has_what_is_common() {
    let disk = Disk::default();
    let (prompt, _) = first_turn(&mut load(CONFIG, "m", &disk), 300);
    for (at, want) in [(299, 299), (200, 200), (128, 128), (20, 0)] {
        let mut other = prompt.clone();
        other[at] += 1;
        let (got, reused) = answer(&mut load(CONFIG, "m", &disk), &other);
        assert_eq!(reused, want, "differs at {at}; less than 32 are not worth it");
        assert_eq!(got, answer(&mut load(CONFIG, "m", &Disk::default()), &other).0, "{at}");
    }
    // A context that holds less than the snapshot has.
    let small = PlayerConfig { n_ctx: 200, ..CONFIG };
    assert_eq!(answer(&mut load(small, "m", &disk), &prompt[..150]).1, 128);
}

#[test]
fn a_longer_conversation_writes_what_is_new() {
    let disk = Disk::default();
    let mut session = load(CONFIG, "m", &disk);
    let (prompt, first) = first_turn(&mut session, 300);
    answer(&mut session, &prompt);
    let second = block_on(session.save_snapshot("chat")).unwrap();
    assert!(second.n_tokens > first.n_tokens && second.n_bytes > first.n_bytes);
    assert!(second.n_written < first.n_bytes / 2, "{second:?} after {first:?}");
    let grown = disk.0.borrow()["chat"].clone();
    disk.0.borrow_mut().clear();
    let whole = block_on(session.save_snapshot("chat")).unwrap();
    assert_eq!((whole.n_written, whole.n_bytes), (second.n_bytes, second.n_bytes));
    assert_eq!(disk.0.borrow()["chat"], grown, "the same as if it was written at once");
    // And after a reload the pieces that were taken over are left as they are.
    let mut again = load(CONFIG, "m", &disk);
    let (_, reused) = answer(&mut again, &[&prompt[..], &[11, 12]].concat());
    assert!(reused > 290);
    assert!(block_on(again.save_snapshot("chat")).unwrap().n_written < first.n_bytes / 2);
    // A shorter branch leaves nothing of the longer one.
    answer(&mut again, &prompt[..60]);
    let short = block_on(again.save_snapshot("chat")).unwrap();
    assert_eq!(short.n_tokens, 65);
    assert_eq!(disk.0.borrow()["chat"].len() as u64, short.n_bytes);
}

#[test]
fn what_is_wrong_with_a_snapshot_costs_the_reading_alone() {
    let disk = Disk::default();
    let mut first = load(CONFIG, "m", &disk);
    let (prompt, _) = first_turn(&mut first, 300);
    let want = answer(&mut first, &prompt).0;
    let good = disk.0.borrow()["chat"].clone();
    let shape = KvShape::of(&model_plan(), CONFIG.kv).unwrap();
    // The tiny model has one rope, so its sum is in the file.
    let ropes = u64::from_le_bytes(good[24..32].try_into().unwrap());
    let format = Format::new(&shape, ropes, "m");
    assert_eq!(format.header(), &good[..format.header().len()]);
    let (piece, end) = (|i| format.piece_at(i) as usize, good.len());
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let rows: Vec<(&str, Vec<u8>, usize, Option<SnapshotError>)> = vec![
        ("nothing", vec![], 0, Some(SnapshotError::NotOne)),
        ("another file", b"GGUF and more of that kind".to_vec(), 0, Some(SnapshotError::NotOne)),
        ("another magic", flip(0), 0, Some(SnapshotError::NotOne)),
        ("newer", flip(10), 0, Some(SnapshotError::Version { version: 0x1_0001, known: 1 })),
        ("a wild length", flip(15), 0, Some(SnapshotError::NotOne)),
        ("a damaged header", flip(24), 0, Some(SnapshotError::NotOne)),
        ("a header alone", good[..piece(0)].to_vec(), 0, None),
        ("no positions", flip(piece(0)), 0, None),
        ("an id of the first piece", flip(piece(0) + 40), 0, None),
        ("a row of the first piece", flip(piece(0) + 4000), 0, None),
        ("a row of the second piece", flip(piece(1) + 4000), 128, None),
        ("the sum of the third piece", flip(end - 1), 256, None),
        ("cut off in the second", good[..piece(1) + 999].to_vec(), 128, None),
        ("cut off by a byte", good[..end - 1].to_vec(), 256, None),
        ("pieces in another order", swapped(&good, piece(0), piece(1), piece(2)), 0, None),
    ];
    for (name, bytes, reused, error) in rows {
        disk.0.borrow_mut().insert("chat".to_owned(), bytes);
        let mut kept = disk.clone().open("chat").unwrap();
        assert_eq!(format.check(&mut *kept).err(), error, "{name}");
        assert_eq!(
            answer(&mut load(CONFIG, "m", &disk), &prompt),
            (want.clone(), reused),
            "{name}"
        );
    }
    disk.0.borrow_mut().insert("chat".to_owned(), good);
    let foreign = Format::new(&shape, ropes, "another");
    let mut kept = disk.clone().open("chat").unwrap();
    assert_eq!(foreign.check(&mut *kept), Err(SnapshotError::Foreign));
    let of_f32 = PlayerConfig { kv: KvType::F32, ..CONFIG };
    for (name, config, model) in [("model", CONFIG, "another"), ("cache", of_f32, "m")] {
        assert_eq!(answer(&mut load(config, model, &disk), &prompt).1, 0, "another {name}");
    }
}

fn model_plan() -> kernels::Plan {
    engine::open(gguf(None)).unwrap().model.plan
}

fn swapped(bytes: &[u8], a: usize, b: usize, end: usize) -> Vec<u8> {
    [&bytes[..a], &bytes[b..end], &bytes[a..b], &bytes[end..]].concat()
}

#[test]
fn a_full_disk_keeps_nothing_and_harms_nothing() {
    for room in [0, 100, 40_000] {
        let disk = Disk(Rc::default(), Some(room));
        let mut session = load(CONFIG, "m", &disk);
        let (prompt, saved) = first_turn(&mut session, 300);
        assert_eq!(saved, Saved::default(), "{room} bytes of room");
        assert!(disk.0.borrow()["chat"].is_empty());
        assert_eq!(answer(&mut session, &prompt).1, 305, "its cache is as it was");
    }
}

#[test]
fn of_two_slots_of_a_conversation_the_newer_is_kept() {
    let disk = Disk::default();
    let mut session = load(PlayerConfig { n_slots: 2, ..CONFIG }, "m", &disk);
    for n in [200, 100] {
        session.admit(request(&ids(n), 4)).unwrap();
    }
    // Both are busy: what they have is not kept yet.
    assert_eq!(block_on(session.save_snapshot("chat")).unwrap(), Saved::default());
    while !session.is_idle() {
        block_on(session.round()).unwrap();
        while let Some((slot, outcome)) = session.next_outcome() {
            if outcome.unwrap() == Step::Done {
                session.release(slot);
            }
        }
    }
    assert_eq!(block_on(session.save_snapshot("chat")).unwrap().n_tokens, 103);
}

/// A round that never comes: such a command is taken when there is nothing else to do.
const WHEN_IDLE: usize = usize::MAX;

/// Commands at given rounds; when all is answered, it unloads.
struct Script(VecDeque<(usize, Command)>, Vec<Event>, usize);

impl Port for Script {
    async fn next(&mut self) -> Option<Command> {
        self.0.pop_front().map(|entry| entry.1)
    }

    fn try_next(&mut self) -> Option<Command> {
        self.2 += 1;
        let is_due = self.0.front().is_some_and(|entry| entry.0 <= self.2);
        is_due.then(|| self.0.pop_front()).flatten().map(|entry| entry.1)
    }

    fn emit(&mut self, event: Event) {
        self.1.push(event);
    }
}

#[test]
fn the_actor_keeps_beside_what_others_do() {
    let disk = Disk::default();
    let session = load(PlayerConfig { n_slots: 2, ..CONFIG }, "m", &disk);
    let generate = |id, n, max| Command::Generate { id, request: request(&ids(n), max) };
    let other = |id| {
        let request = Request { snapshot: None, ..request(&[77; 90], 40) };
        Command::Generate { id, request }
    };
    let save = |id, key: &str| Command::Save { id, key: key.to_owned() };
    let commands = [
        (0, generate(1, 300, 4)),
        (WHEN_IDLE, save(2, "chat")),
        (0, other(3)),
        (0, save(4, "nobody's")),
        (WHEN_IDLE, save(5, "chat")),
        (0, Command::Lend { id: 6 }),
    ];
    let mut port = Script(commands.into(), Vec::new(), 0);
    block_on(run(session, &mut port));
    let saved = port.1.iter().filter_map(|event| match event {
        Event::Saved { id, saved } => Some((*id, saved.n_tokens)),
        _ => None,
    });
    let mut saved = saved.collect::<Vec<_>>();
    saved.sort_unstable();
    assert_eq!(saved, [(2, 303), (4, 0), (5, 303)]);
    let at = |wanted: fn(&Event) -> bool| port.1.iter().position(wanted).unwrap();
    let kept = at(|event| matches!(event, Event::Saved { id: 2, .. }));
    let began = at(|event| matches!(event, Event::Started { id: 3, .. }));
    let done = at(|event| matches!(event, Event::Done { id: 3, .. }));
    assert!(began < kept && kept < done, "the other answer goes on meanwhile");
    let lent = at(|event| matches!(event, Event::Lent { id: 6 }));
    assert!(at(|event| matches!(event, Event::Saved { id: 5, .. })) < lent);
}
