//! Registries that are busy and say when to come again, and addresses that are long.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use store::{Error, MemoryIo, Method, RegistryAccess, Request};

use crate::lab::{Lab, answer, make_model, name, weights};

const MODEL: &str = "r.example/n/m:t";

/// The first `n` requests that fit are answered so; the others by the registry.
fn busy_at(
    lab: &Lab,
    n: usize,
    fits: fn(&Request) -> bool,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
) {
    let left = Cell::new(n);
    lab.script(move |request| {
        if left.get() == 0 || !fits(request) {
            return None;
        }
        left.set(left.get() - 1);
        answer(status, headers, b"")
    });
}

fn pull(lab: &Lab) -> Result<u64, Error> {
    let client = lab.client(&MemoryIo::default());
    let start = store::Clock::now_ms(&lab.clock);
    lab.clock.run(client.pull(&name(MODEL), RegistryAccess::default(), |_| ()))?;
    Ok(store::Clock::now_ms(&lab.clock) - start)
}

fn is_manifest(request: &Request) -> bool {
    request.url.path().contains("/manifests/")
}

fn is_blob(request: &Request) -> bool {
    request.url.path().contains("/blobs/")
}

#[test]
fn a_pull_waits_as_long_as_it_is_asked_to() {
    type Case = (usize, fn(&Request) -> bool, u16, &'static [(&'static str, &'static str)]);
    // The laboratory's time begins at midnight of this date.
    let date = "Thu, 01 Jan 2026 00:00:30 GMT";
    let dated: &'static [(&'static str, &'static str)] =
        Box::leak(Box::new([("Retry-After", date)]));
    let rows: [(Case, std::ops::Range<u64>); 7] = [
        ((0, is_manifest, 429, &[]), 0..1),
        ((2, is_manifest, 429, &[("Retry-After", "7")]), 14_000..15_000),
        ((1, is_manifest, 503, dated), 30_000..31_000),
        ((1, is_blob, 429, &[("Retry-After", "40")]), 40_000..41_000),
        ((1, is_blob, 503, &[("retry-after", " 40 ")]), 40_000..41_000),
        // "At once" is not: the wait of any other failure.
        ((1, is_blob, 503, &[("Retry-After", "0")]), 1_000..2_000),
        ((1, is_blob, 503, &[("Retry-After", "soon")]), 1_000..2_000),
    ];
    for ((n, fits, status, headers), span) in rows {
        let lab = Lab::new();
        lab.publish(MODEL, &weights(3000, 1));
        busy_at(&lab, n, fits, status, headers);
        let waited = pull(&lab).unwrap();
        assert!(span.contains(&waited), "{n} times {status} {headers:?}: {waited} ms");
    }
}

#[test]
fn who_asks_for_too_much_is_not_waited_for() {
    type Case = (usize, fn(&Request) -> bool, &'static str, u64);
    let rows: [Case; 4] = [
        (1, is_manifest, "3600", 0),
        (1, is_blob, "3600", 0),
        // For ever: six tries.
        (usize::MAX, is_manifest, "2", 10_000),
        (usize::MAX, is_blob, "50", 250_000),
    ];
    for (n, fits, after, most_ms) in rows {
        let lab = Lab::new();
        lab.publish(MODEL, &weights(900, 1));
        let headers = Box::leak(Box::new([("Retry-After", after)]));
        busy_at(&lab, n, fits, 429, headers);
        let error = pull(&lab).unwrap_err();
        let wanted = format!("r.example answered 429; it asks for a new try in {after} s");
        assert!(error.to_string().ends_with(&wanted), "{error}");
        let now = store::Clock::now_ms(&lab.clock);
        assert!(now <= most_ms, "{after}: {now} ms");
    }
}

#[test]
fn a_push_waits_too_and_sends_nothing_twice() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let client = lab.client(&io);
    let bytes = weights(3000, 1);
    let manifest = lab.clock.run(make_model(client.store(), &bytes));
    lab.clock.run(client.store().commit(&name(MODEL), &manifest)).unwrap();
    // Every kind of request is refused once, then taken.
    let (refused, taken) =
        (Rc::<RefCell<Vec<Method>>>::default(), Rc::<RefCell<Vec<u8>>>::default());
    let (refusals, bodies) = (refused.clone(), taken.clone());
    lab.script(move |request| {
        let mut refused = refusals.borrow_mut();
        if request.method != Method::Get && !refused.contains(&request.method) {
            refused.push(request.method);
            return answer(429, &[("Retry-After", "5")], b"");
        }
        match request.method {
            Method::Head => answer(404, &[], b""),
            Method::Patch => {
                bodies.borrow_mut().extend(&request.body);
                answer(202, &[("Location", "/v2/uploads/1")], b"")
            }
            Method::Get => answer(204, &[("Range", "0-0"), ("Location", "/v2/uploads/1")], b""),
            Method::Post => answer(202, &[("Location", "/v2/uploads/1")], b""),
            Method::Put => answer(201, &[], b""),
        }
    });
    lab.clock.run(client.push(&name(MODEL), RegistryAccess::default(), |_| ())).unwrap();
    assert_eq!(*refused.borrow(), [Method::Head, Method::Post, Method::Patch, Method::Put]);
    assert_eq!(store::Clock::now_ms(&lab.clock), 20_000);
    let size = manifest.blobs().iter().map(|layer| layer.size).sum::<u64>();
    assert_eq!(taken.borrow().len() as u64, size);
}

#[test]
fn a_chunk_that_is_not_the_next_one_is_sent_from_its_place() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let client = lab.client(&io);
    let manifest = lab.clock.run(make_model(client.store(), &weights(3000, 1)));
    lab.clock.run(client.store().commit(&name(MODEL), &manifest)).unwrap();
    // The registry took 1000 bytes of the first chunk, and lost its answer.
    let first = Cell::new(true);
    let ranges = Rc::<RefCell<Vec<String>>>::default();
    let seen = ranges.clone();
    lab.script(move |request| match request.method {
        Method::Head => answer(404, &[], b""),
        Method::Patch => {
            seen.borrow_mut().push(request.headers.get("content-range").unwrap().to_owned());
            match first.replace(false) {
                true => answer(416, &[], b""),
                false => answer(202, &[("Location", "/v2/uploads/1")], b""),
            }
        }
        Method::Get => answer(204, &[("Range", "0-999"), ("Location", "/v2/uploads/1")], b""),
        Method::Post => answer(202, &[("Location", "/v2/uploads/1")], b""),
        Method::Put => answer(201, &[], b""),
    });
    lab.clock.run(client.push(&name(MODEL), RegistryAccess::default(), |_| ())).unwrap();
    let large: Vec<String> =
        ranges.borrow().iter().filter(|range| range.ends_with("-2999")).cloned().collect();
    assert_eq!(large, ["0-2999", "1000-2999"]);
}

#[test]
fn signed_addresses_of_eight_kib_are_followed() {
    for (len, is_followed) in [(1100, true), (8 << 10, true), ((8 << 10) + 1, false)] {
        let lab = Lab::new();
        lab.publish(MODEL, &weights(5000, 1));
        lab.script(move |request| {
            let is_home = request.url.host_str() == Some("r.example");
            if !is_home || !is_blob(request) {
                return None;
            }
            let start = format!("https://cdn.example{}?sig=", request.url.path());
            let location = format!("{start}{}", "s".repeat(len - start.len()));
            answer(307, &[("Location", &location)], b"")
        });
        let pulled = pull(&lab);
        assert_eq!(pulled.is_ok(), is_followed, "{len}: {pulled:?}");
    }
}
