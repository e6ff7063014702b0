//! Several requests at once: which slot gets which, who waits for whom, that an answer is the one
//! it would be alone, and that whatever happens everything is answered once and no slot is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, VecDeque};

use common::*;
use engine::actor::{self, Command, Event, Port};
use engine::{Error, Prompt, Request, Session, Step};
use kernels::{KvType, PlayerConfig, Sampling};

fn session(fake: &Fake, n_ctx: usize, n_slots: usize) -> Session {
    fake.session_with(gguf(None), n_ctx, n_slots)
}

fn request(ids: std::ops::Range<u32>, max_tokens: usize) -> Request {
    let prompt = Prompt::Tokens(ids.collect());
    Request { sampling: Sampling::default(), max_tokens: Some(max_tokens), ..Request::new(prompt) }
}

/// Rounds until all slots are free; the ids of each slot's answer.
fn finish_all(session: &mut Session) -> BTreeMap<usize, Vec<u32>> {
    let mut out: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    while session.n_free() < session.n_slots() {
        block_on(session.round()).unwrap();
        while let Some((slot, outcome)) = session.next_outcome() {
            match outcome.unwrap() {
                Step::Prefill { .. } => {}
                Step::Piece => {
                    let piece = session.piece(slot).unwrap();
                    out.entry(slot).or_default().extend(&piece.ids);
                }
                Step::Done => {
                    session.release(slot);
                }
            }
        }
    }
    out
}

/// The ids a request is answered with alone.
fn alone(fake: &Fake, n_ctx: usize, request: &Request) -> Vec<u32> {
    generate(&mut session(fake, n_ctx, 1), request.clone()).ids
}

#[test]
fn a_prompt_gets_the_slot_that_has_most_of_it() {
    let mut session = session(&Fake::default(), 128, 3);
    let first = session.admit(request(40..80, 2)).unwrap();
    let second = session.admit(request(100..140, 2)).unwrap();
    assert_ne!(first, second);
    finish_all(&mut session);
    // (prompt, the slot it belongs in, how much is there)
    let third = 3 - first - second;
    let rows = [
        (request(100..150, 1), second, 40),
        (request(40..70, 1), first, 29),
        (request(200..230, 1), third, 0),
        // All are used now; too short a prefix does not count, and the oldest use is `second`.
        (request(40..50, 1), second, 0),
    ];
    for (request, slot, reused) in rows {
        let name = format!("{:?}", request.prompt);
        assert_eq!(session.admit(request).unwrap(), slot, "{name}");
        assert_eq!(session.summary(slot).unwrap().reused_tokens, reused, "{name}");
        finish_all(&mut session);
    }
    // A busy slot is none, however much it has.
    assert_eq!(session.admit(request(200..230, 1)).unwrap(), third);
    assert_ne!(session.admit(request(200..230, 1)).unwrap(), third);
    session.admit(request(40..50, 1)).unwrap();
    let error = session.admit(request(40..50, 1)).err().unwrap();
    assert!(matches!(error, Error::NoSlot { n_slots: 3 }), "{error}");
    assert_eq!(error.code(), "engine.busy");
    finish_all(&mut session);
}

#[test]
fn answers_are_those_they_would_be_alone() {
    let warm = Sampling { temperature: 0.8, top_k: 20, repeat_penalty: 1.2, ..Sampling::default() };
    for (can_sample, queue) in [(false, 0), (true, 0), (true, 3)] {
        for max_rows in [2, 8, 32] {
            let fake = Fake { can_sample, queue, max_rows, ..Fake::default() };
            let mut requests: Vec<Request> = [(20, 9), (3, 30), (50, 4), (1, 12), (9, 1), (33, 20)]
                .iter()
                .enumerate()
                .map(|(i, &(n, max))| request(30 * i as u32 + 5..30 * i as u32 + 5 + n, max))
                .collect();
            requests[1].sampling = warm;
            requests[1].seed = Some(7);
            requests[2].logit_bias = vec![(9, 100.0)];
            requests[3].logprobs = Some(3);
            requests[5].sampling = warm;
            let mut session = session(&fake, 100, requests.len());
            let mut slots = Vec::new();
            // They come one after the other, a few rounds apart.
            let mut got: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
            for request in &requests {
                slots.push(session.admit(request.clone()).unwrap());
                for _ in 0..2 {
                    block_on(session.round()).unwrap();
                    while let Some((slot, outcome)) = session.next_outcome() {
                        if outcome.unwrap() == Step::Piece {
                            let ids = &session.piece(slot).unwrap().ids;
                            got.entry(slot).or_default().extend(ids);
                        }
                    }
                }
            }
            for (slot, ids) in finish_all(&mut session) {
                got.entry(slot).or_default().extend(ids);
            }
            for (request, slot) in requests.iter().zip(slots) {
                let want = alone(&fake, 100, request);
                assert_eq!(want.len(), request.max_tokens.unwrap());
                assert_eq!(
                    got[&slot], want,
                    "{can_sample} {queue} {max_rows} {:?}",
                    request.prompt
                );
            }
        }
    }
}

/// The same with a model that computes: the reference player over a small file.
#[test]
fn a_computing_player_gives_each_the_answer_it_would_have_alone() {
    let load = |n_slots| {
        let config = PlayerConfig { n_ctx: 48, n_slots, kv: KvType::F16, n_threads: 1 };
        let progress = |_, _| std::ops::ControlFlow::Continue(());
        let opened = engine::open(gguf(None)).unwrap();
        block_on(opened.load(config, kernels::reference::loader, env(), progress)).unwrap()
    };
    let requests: Vec<Request> = [(20, 9), (3, 30), (33, 12)]
        .map(|(n, max)| Request { ignore_eos: true, ..request(30 + n..30 + 2 * n, max) })
        .to_vec();
    let mut session = load(requests.len());
    let slots: Vec<usize> =
        requests.iter().map(|request| session.admit(request.clone()).unwrap()).collect();
    let got = finish_all(&mut session);
    for (request, slot) in requests.iter().zip(slots) {
        assert_eq!(got[&slot], generate(&mut load(1), request.clone()).ids);
    }
    // Embeddings of a computing player: one vector per text, not normalized, the same again.
    let embed = |session: &mut Session| {
        let slot = session.admit_embed(&[Prompt::Tokens((30..60).collect())], false).unwrap();
        let mut done = None;
        while done.is_none() {
            block_on(session.round()).unwrap();
            while let Some((_, outcome)) = session.next_outcome() {
                if outcome.unwrap() == Step::Done {
                    done = session.release(slot);
                }
            }
        }
        done.unwrap().vectors
    };
    let vectors = embed(&mut session);
    assert_eq!((vectors.len(), vectors[0].len()), (1, DIM as usize));
    assert!(vectors[0].iter().all(|x| x.is_finite()) && vectors[0].iter().any(|x| *x != 0.0));
    assert_eq!(vectors, embed(&mut load(1)));
}

#[test]
fn a_long_prompt_delays_the_others_by_one_chunk() {
    for can_sample in [false, true] {
        let fake = Fake { can_sample, queue: 2, max_rows: 64, ..Fake::default() };
        let mut session = session(&fake, 1000, 3);
        session.admit(request(40..45, 40)).unwrap();
        session.admit(request(50..55, 40)).unwrap();
        for _ in 0..6 {
            block_on(session.round()).unwrap();
        }
        let n_before = fake.log.borrow().len();
        session.admit(request(0..200, 3)).unwrap();
        finish_all(&mut session);
        let log = fake.log.borrow();
        let jobs = &log[n_before..];
        let reads: Vec<usize> =
            (0..jobs.len()).filter(|&i| ["nothing", "last"].contains(&jobs[i].2)).collect();
        let last = reads.iter().rfind(|&&i| jobs[i].2 == "nothing").unwrap();
        assert!(reads.len() >= 4, "{jobs:?}");
        // Between two chunks everybody gets a token; chunks are short meanwhile.
        let steps = jobs[..*last].iter().filter(|job| job.1 == 2 && job.2 != "nothing");
        assert!(steps.count() + 1 >= reads.iter().filter(|i| *i < last).count(), "{jobs:?}");
        assert!(jobs.windows(2).all(|two| two.iter().any(|job| job.2 != "nothing")), "{jobs:?}");
    }
}

#[test]
fn a_full_context_is_shifted_if_asked_and_a_long_prompt_cut() {
    let fake = Fake { can_sample: true, queue: 2, ..Fake::default() };
    let mut session = session(&fake, 32, 2);
    let shifted = Request { shift: true, num_keep: 4, ..request(40..60, 100) };
    let output = generate(&mut session, shifted.clone());
    assert_eq!((output.ids.len(), output.reason()), (100, "length"));
    assert!(output.summary.shifted_tokens >= 80, "{:?}", output.summary);
    // The same beside another answer.
    let other = session.admit(request(70..80, 20)).unwrap();
    let slot = session.admit(shifted).unwrap();
    let both = finish_all(&mut session);
    assert_eq!(both[&slot], output.ids);
    assert_eq!(both[&other], alone(&fake, 32, &request(70..80, 20)));
    // What is cut is said; the head and the newest stay.
    let cut = Request { truncate: true, num_keep: 3, ..request(0..60, 4) };
    let output = generate(&mut session, cut);
    let summary = output.summary;
    assert_eq!((summary.prompt_tokens, summary.truncated_tokens), (28, 32));
    let kept: Vec<u32> = (0..3).chain(35..60).collect();
    let same = Request { prompt: Prompt::Tokens(kept), ..request(0..1, 4) };
    assert_eq!(output.ids, alone(&fake, 32, &same));
    // Without another bound an endless answer ends.
    let endless = Request { shift: true, max_tokens: None, ..request(40..60, 1) };
    assert_eq!(generate(&mut session, endless).ids.len(), 10 * 32);
}

#[test]
fn texts_are_embedded_beside_answers() {
    let fake = Fake::default();
    let mut session = session(&fake, 64, 2);
    let answer = session.admit(request(40..60, 12)).unwrap();
    let texts = [Prompt::Tokens((1..21).collect()), Prompt::Tokens(vec![7])];
    let slot = session.admit_embed(&texts, false).unwrap();
    let mut vectors = None;
    let mut ids: Vec<u32> = Vec::new();
    while session.n_free() < 2 {
        block_on(session.round()).unwrap();
        while let Some((i, outcome)) = session.next_outcome() {
            match outcome.unwrap() {
                Step::Done if i == slot => vectors = session.release(slot),
                Step::Done => {
                    session.release(i);
                }
                Step::Piece => ids.extend(&session.piece(answer).unwrap().ids),
                Step::Prefill { done, total } if i == slot => assert!(done <= 21 && total == 21),
                Step::Prefill { .. } => {}
            }
        }
    }
    assert_eq!(ids, alone(&fake, 64, &request(40..60, 12)));
    let done = vectors.unwrap();
    // The fake's rows are (id, sum of ids so far): their means.
    let sums = (1..21).map(|n| (1..=n).sum::<u32>() as f32).sum::<f32>() / 20.0;
    assert_eq!((done.vectors[0][0], done.vectors[0][1]), (10.5, sums));
    assert_eq!((done.vectors[1][0], done.vectors[1][1]), (7.0, 7.0));
    assert_eq!((done.n_tokens, done.truncated_tokens), (21, 0));
    let long = [Prompt::Tokens(vec![5; 100])];
    let error = session.admit_embed(&long, false).err().unwrap();
    assert!(matches!(error, Error::InputTooLong { need: 100, have: 64 }), "{error}");
    let slot = session.admit_embed(&long, true).unwrap();
    session.cancel(slot);
    assert!(session.release(slot).unwrap().is_cancelled);
}

/// A host that sends commands at random and remembers what came back.
struct Storm {
    state: u64,
    /// Commands still to be sent.
    left: usize,
    /// How likely a command is followed by its cancel, in percent.
    cancels: u64,
    next_id: u64,
    pending: VecDeque<u64>,
    answers: BTreeMap<u64, (usize, usize)>,
    n_cancelled: usize,
}

impl Storm {
    fn random(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % n
    }

    fn command(&mut self) -> Option<Command> {
        if self.left == 0 {
            return None;
        }
        if !self.pending.is_empty() && self.random(100) < self.cancels {
            let i = self.random(self.pending.len() as u64) as usize;
            let id = self.pending.remove(i)?;
            return Some(Command::Cancel { id });
        }
        self.left -= 1;
        self.next_id += 1;
        let id = self.next_id;
        self.pending.push_back(id);
        self.answers.insert(id, (0, 0));
        let (from, n) = (self.random(200) as u32, 1 + self.random(40) as u32);
        Some(match self.random(8) {
            0 => {
                Command::Embed { id, inputs: vec![Prompt::Tokens(vec![from; 20])], truncate: true }
            }
            1 => Command::Logits { id, ids: vec![from], all: false },
            2 => Command::Detokenize { id, ids: vec![from] },
            3 => Command::Generate { id, request: request(from..from + 500, 1) },
            4 => Command::Score { id, ids: (from..from + n).collect(), top: 1 },
            _ => Command::Generate { id, request: request(from..from + n, 1 + n as usize % 7) },
        })
    }

    fn seen(&mut self, id: u64, is_last: bool) {
        let answer = self.answers.get_mut(&id).unwrap();
        assert_eq!(answer.1, 0, "{id}: nothing comes behind the last event");
        answer.0 += 1;
        answer.1 += usize::from(is_last);
        self.pending.retain(|pending| !is_last || *pending != id);
    }
}

impl Port for Storm {
    async fn next(&mut self) -> Option<Command> {
        self.command()
    }

    fn try_next(&mut self) -> Option<Command> {
        if self.random(3) == 0 { self.command() } else { None }
    }

    fn emit(&mut self, event: Event) {
        match event {
            Event::Started { id, .. } | Event::Progress { id, .. } | Event::Piece { id, .. } => {
                self.seen(id, false);
            }
            Event::Done { id, summary } => {
                self.n_cancelled +=
                    usize::from(summary.finish_reason.unwrap().name() == "cancelled");
                self.seen(id, true);
            }
            Event::Tokens { id, .. }
            | Event::Text { id, .. }
            | Event::Embedded { id, .. }
            | Event::Logits { id, .. }
            | Event::Scored { id, .. }
            | Event::Saved { id, .. }
            | Event::Lent { id }
            | Event::Failed { id, .. } => self.seen(id, true),
            Event::Unloaded => {}
        }
    }
}

#[test]
fn a_thousand_cancels_leak_no_slot_and_everything_is_answered_once() {
    for (seed, can_sample, n_slots) in [(1, false, 4), (2, true, 4), (3, true, 1), (4, true, 13)] {
        let fake = Fake { can_sample, queue: 2, ..Fake::default() };
        let mut storm = Storm {
            state: 0x9e37_79b9_7f4a_7c15 ^ seed,
            left: 2700,
            cancels: 50,
            next_id: 0,
            pending: VecDeque::new(),
            answers: BTreeMap::new(),
            n_cancelled: 0,
        };
        let mut session = block_on(actor::run(session(&fake, 64, n_slots), &mut storm));
        assert_eq!(session.n_free(), n_slots);
        assert!(storm.n_cancelled >= 1000, "{} cancelled", storm.n_cancelled);
        assert!(storm.answers.values().all(|answer| answer.1 == 1), "seed {seed}");
        // And the slots are as good as new.
        let slots: Vec<usize> =
            (0..n_slots).map(|_| session.admit(request(40..70, 5)).unwrap()).collect();
        let all = finish_all(&mut session);
        let want = alone(&fake, 64, &request(40..70, 5));
        assert!(slots.iter().all(|slot| all[slot] == want));
    }
}

/// Commands that are all there at once.
struct Burst(VecDeque<Command>, Vec<Event>);

impl Port for Burst {
    async fn next(&mut self) -> Option<Command> {
        self.0.pop_front()
    }

    fn try_next(&mut self) -> Option<Command> {
        self.0.pop_front()
    }

    fn emit(&mut self, event: Event) {
        self.1.push(event);
    }
}

fn burst(fake: &Fake, n_slots: usize, n: u64) -> Vec<Event> {
    let command = |id| Command::Generate { id, request: request(40..50, 2) };
    let mut port = Burst((0..n).map(command).collect(), Vec::new());
    block_on(actor::run(session(fake, 64, n_slots), &mut port));
    port.1
}

#[test]
fn requests_begin_in_order_and_too_many_are_refused() {
    let n = actor::MAX_QUEUED as u64 + 10;
    let events = burst(&Fake::default(), 4, n);
    let failed: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Failed { id, error: Error::Busy { .. } } => Some(*id),
            _ => None,
        })
        .collect();
    // Four run, as many as may wait do.
    assert_eq!(failed, (n - 6..n).collect::<Vec<_>>());
    let started = events.iter().filter_map(|event| match event {
        Event::Started { id, slot, .. } => Some((*id, *slot)),
        _ => None,
    });
    let (ids, slots): (Vec<u64>, Vec<usize>) = started.unzip();
    assert_eq!(ids, (0..n - 6).collect::<Vec<_>>());
    assert!((0..4).all(|slot| slots.contains(&slot)));
}

#[test]
fn a_device_that_goes_away_fails_whatever_runs() {
    let fake = Fake { max_jobs: Some(3), ..Fake::default() };
    let events = burst(&fake, 3, 5);
    let failed =
        |event: &&Event| matches!(event, Event::Failed { error, .. } if error.code() == "gpu.lost");
    assert_eq!(events.iter().filter(failed).count(), 5);
}
