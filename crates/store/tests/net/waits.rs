//! What a pull says while it waits for a server: which try comes next, and when.

use std::cell::Cell;

use store::{Clock, Error, MemoryIo, Progress, RegistryAccess, Request, Retry, Wish};

use crate::address::{URL, gguf_file, serve};
use crate::lab::{Answer, End, Lab, all, answer, name, weights};

const MODEL: &str = "r.example/n/m:t";
const SIZE: usize = 20_500;

/// What the server does to a request, whose place among those for the file is given.
type Fault = fn(usize, &Request, &[u8]) -> Option<Answer>;

/// A wait: when it was told, how many bytes there were, and what was said.
type Told = (u64, Option<u64>, Retry);

fn retry(attempt: u32, wait_ms: u64, is_busy: bool) -> Retry {
    Retry { attempt, of: store::limits::TRIES, wait_ms, is_busy }
}

/// Half of what was asked for, and then nothing more.
fn stall(request: &Request, bytes: &[u8]) -> Option<Answer> {
    let mut answer = serve(request, bytes, "\"v\"")?;
    answer.body.truncate(answer.body.len() / 2);
    answer.ending(End::Silence)
}

/// A registry that does so to the weights of its model.
fn faulty(fault: Fault) -> Lab {
    let lab = Lab::new();
    let bytes = weights(SIZE, 1);
    lab.publish(MODEL, &bytes);
    let (digest, n) = (store::Digest::of(&bytes).to_string(), Cell::new(0));
    lab.script(move |request| match request.url.path().ends_with(&digest) {
        true => {
            n.set(n.get() + 1);
            fault(n.get(), request, &bytes)
        }
        false => None,
    });
    lab
}

/// Pulls; gives the waits that were told, once each, and the end.
fn pull(lab: &Lab) -> (Vec<Told>, Result<store::Name, Error>) {
    let client = lab.client(&MemoryIo::default());
    let mut told = Vec::new();
    let clock = lab.clock.clone();
    let mut before: Option<Progress> = None;
    let report = |line: Progress| {
        if let Some(retry) = line.retry {
            told.push((clock.now_ms(), line.completed, retry));
        }
        if let Some(before) = before.replace(line.clone()).filter(|b| b.digest == line.digest) {
            assert!(before.completed <= line.completed, "{before:?} {line:?}");
            assert!(line.retry.is_none() || before.retry != line.retry, "said twice: {line:?}");
        }
    };
    let done = lab.clock.run(client.pull(&name(MODEL), RegistryAccess::default(), report));
    assert!(done.is_err() || before.unwrap().retry.is_none(), "the last line waits for nothing");
    (told, done)
}

#[test]
fn waits_are_told_with_their_try_and_their_time() {
    let rows: [(&str, Fault, Vec<Told>); 5] = [
        ("nothing is wrong", |_, _, _| None, vec![]),
        // A second passes between the two; other connections bring the rest meanwhile.
        (
            "one connection is cut",
            |n, request, bytes| (n == 1).then(|| stall(request, bytes)?.ending(End::Cut))?,
            vec![],
        ),
        // Four connections ask, and four again.
        (
            "all stall, and once more without a byte",
            |n, request, bytes| match n {
                1..=4 => stall(request, bytes),
                5..=8 => serve(request, bytes, "\"v\"")
                    .map(|mut answer| {
                        answer.body.clear();
                        answer
                    })?
                    .ending(End::Silence),
                _ => None,
            },
            vec![
                (30_000, Some(8_000), retry(2, 1_000, false)),
                (61_000, Some(8_000), retry(3, 2_000, false)),
            ],
        ),
        // The first wait is over before two seconds are.
        (
            "all are refused for ever",
            |_, _, _| answer(500, &[], b""),
            vec![
                (2_000, Some(0), retry(3, 1_000, true)),
                (3_000, Some(0), retry(4, 4_000, true)),
                (7_000, Some(0), retry(5, 8_000, true)),
                (15_000, Some(0), retry(6, 16_000, true)),
            ],
        ),
        (
            "the server is busy, and says until when",
            |n, _, _| (n <= 4).then(|| answer(503, &[("Retry-After", "40")], b""))?,
            vec![(2_000, Some(0), retry(2, 38_000, true))],
        ),
    ];
    for (what, fault, wanted) in rows {
        let (told, done) = pull(&faulty(fault));
        assert_eq!(told, wanted, "{what}");
        assert_eq!(done.is_err(), what.ends_with("for ever"), "{what}: {done:?}");
    }
}

#[test]
fn the_first_requests_tell_of_a_busy_server() {
    let after = [("Retry-After", "7")];
    let wanted = vec![
        ("pulling manifest".to_owned(), retry(2, 7_000, true)),
        ("pulling manifest".to_owned(), retry(3, 7_000, true)),
    ];
    for is_by_name in [true, false] {
        let (lab, left) = (Lab::new(), Cell::new(2));
        lab.publish(MODEL, &weights(300, 1));
        let file = gguf_file(300, 1, None);
        lab.script(move |request| {
            if left.get() > 0 {
                left.set(left.get() - 1);
                return answer(429, &after, b"");
            }
            (!is_by_name).then(|| serve(request, &file, "\"v\""))?
        });
        let client = lab.client(&MemoryIo::default());
        let mut told = Vec::new();
        let report = |line: Progress| told.extend(line.retry.map(|retry| (line.status, retry)));
        let access = RegistryAccess::default();
        let pulled = match is_by_name {
            true => lab.clock.run(client.pull(&name(MODEL), access, report)),
            false => lab.clock.run(client.pull_url(URL, &Wish::default(), access, report)),
        };
        pulled.unwrap();
        assert_eq!(told, wanted, "by name: {is_by_name}");
    }
}

#[test]
fn everybody_who_shares_a_download_hears_of_its_waits() {
    let lab = faulty(|n, request, bytes| (n <= 4).then(|| stall(request, bytes))?);
    let client = lab.client(&MemoryIo::default());
    let pulls = (0..3).map(|i| {
        let (client, clock) = (client.clone(), lab.clock.clone());
        let pull = async move {
            // The last one comes while the others wait.
            clock.sleep_ms(if i == 2 { 30_400 } else { 0 }).await;
            let mut told = Vec::new();
            let report = |line: Progress| told.extend(line.retry);
            client.pull(&name(MODEL), RegistryAccess::default(), report).await.map(|_| told)
        };
        Box::pin(pull) as std::pin::Pin<Box<dyn Future<Output = Result<Vec<Retry>, Error>>>>
    });
    let told = lab.clock.run(all(pulls.collect()));
    let (whole, rest) = (vec![retry(2, 1_000, false)], vec![retry(2, 600, false)]);
    assert_eq!(told, [Ok(whole.clone()), Ok(whole), Ok(rest)]);
}
