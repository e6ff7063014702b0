//! A model goes to a registry of others and comes back, whole and through a connection that is cut.

use std::sync::{Arc, Mutex};

use tests::rng::Stream;
use tests::scratch::Scratch;

use crate::count;
use crate::models::{assert_intact, blobs, digest, import, noise};
use crate::proxy::{Act, Proxy, Way};
use crate::registry::Registry;
use crate::serve::{Serve, signal};

/// Cuts per test.
const CUTS: usize = 10;
/// What a download may lose by a cut (`store::limits::PIECE_BYTES`), and an upload.
const PIECE: u64 = store::limits::PIECE_BYTES;
const CHUNK: u64 = store::limits::UPLOAD_BYTES;
/// The model of these tests, MiB: several pieces per cut, several chunks.
const MIB: u64 = 40;
/// Heads and manifests of one connection.
const HEADS: u64 = 16 << 10;

/// A registry with a model, the store it came from, and bytes of its blobs.
struct Lab {
    scratch: Scratch,
    registry: Registry,
    size: u64,
    digest: String,
}

/// Name of the model at a registry.
fn at(address: &str) -> String {
    format!("{address}/me/noise:1b")
}

impl Lab {
    /// Pushes a model to the registry, uncut.
    fn start(test: &str) -> Option<Lab> {
        let (scratch, registry) = (Scratch::new(), Registry::start(test)?);
        let here = scratch.path("here");
        let name = at(&registry.address);
        import(&here, &name, noise(MIB, 1));
        let pushed = Serve::start(&here).ingle(&["push", "--insecure", &name]);
        assert_eq!(pushed.code, Some(0), "{}", pushed.stderr);
        let ((_, size), digest) = (blobs(&here), digest(&here, &name));
        Some(Lab { scratch, registry, size, digest })
    }

    /// Counts of bytes at which something happens, anywhere in the model.
    fn places(&self, seed: u64) -> Vec<u64> {
        let stream = Stream::new(seed, "cuts");
        (0..count("INGLE_CUTS", CUTS) as u64).map(|i| 1 + stream.bits(i) % self.size).collect()
    }
}

#[test]
fn a_model_comes_back_from_a_registry_as_it_went() {
    let Some(lab) = Lab::start("a_model_comes_back_from_a_registry_as_it_went") else { return };
    let there = lab.scratch.path("there");
    let server = Serve::start(&there);
    // Another host is another name; the proxy is one.
    let proxy = Proxy::counting(&lab.registry.address);
    for address in [&lab.registry.address, &proxy.address] {
        let pulled = server.ingle(&["pull", "--insecure", &at(address)]);
        assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
        assert_eq!(digest(&there, &at(address)), lab.digest);
    }
    assert_eq!(blobs(&there), blobs(&lab.scratch.path("here")));
    assert_intact(&there, "pulled");
    // The second name needed no byte of a blob.
    assert!(proxy.down() < HEADS, "{}", proxy.down());
}

#[test]
fn a_pull_that_is_cut_goes_on() {
    let Some(lab) = Lab::start("a_pull_that_is_cut_goes_on") else { return };
    let there = lab.scratch.path("there");
    let places = lab.places(2);
    let n = places.len() as u64;
    let proxy = Proxy::start(&lab.registry.address, Way::Down, places, || Act::Cut);
    let server = Serve::start(&there);
    let name = at(&proxy.address);
    let mut n_pulls = 0;
    // A cut in the manifest's head ends a pull; every other one should not.
    let pulled = loop {
        n_pulls += 1;
        let pulled = server.ingle(&["pull", "--insecure", &name]);
        if pulled.code == Some(0) || n_pulls > n {
            break pulled;
        }
    };
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!((digest(&there, &name), proxy.left()), (lab.digest.clone(), 0));
    assert_intact(&there, "pulled");
    let again = proxy.down().saturating_sub(lab.size);
    println!("{n} cuts, {n_pulls} pulls, {again} bytes more than the {} of the model", lab.size);
    assert!(again <= n * (PIECE + HEADS), "{again} bytes were fetched twice");
}

#[test]
fn a_pull_whose_process_is_killed_goes_on_in_the_next() {
    let test = "a_pull_whose_process_is_killed_goes_on_in_the_next";
    let Some(lab) = Lab::start(test) else { return };
    let there = lab.scratch.path("there");
    let places = lab.places(3);
    let n = places.len() as u64;
    let victim = Arc::new(Mutex::new(0));
    let known = victim.clone();
    let proxy = Proxy::start(&lab.registry.address, Way::Down, places, move || {
        signal(*known.lock().unwrap(), "-KILL");
        Act::Cut
    });
    let name = at(&proxy.address);
    for _ in 0..=n {
        let server = Serve::start(&there);
        *victim.lock().unwrap() = server.id();
        let pulled = server.ingle(&["pull", "--insecure", &name]);
        assert_intact(&there, "after a kill");
        if pulled.code == Some(0) {
            break;
        }
    }
    assert_eq!((digest(&there, &name), proxy.left()), (lab.digest.clone(), 0));
    let again = proxy.down().saturating_sub(lab.size);
    println!("{n} kills, {again} bytes more than the {} of the model", lab.size);
    // One connection suffices for a model of this size: one piece, and what lay in its sockets.
    assert!(again <= n * (PIECE + HEADS), "{again} bytes were fetched twice");
}

#[test]
fn a_push_that_is_cut_arrives_whole() {
    let Some(lab) = Lab::start("a_push_that_is_cut_arrives_whole") else { return };
    let Some(other) = Registry::start("a_push_that_is_cut_arrives_whole") else { return };
    let (here, there) = (lab.scratch.path("here"), lab.scratch.path("there"));
    let places = lab.places(4);
    let n = places.len() as u64;
    let proxy = Proxy::start(&other.address, Way::Up, places, || Act::Cut);
    let server = Serve::start(&here);
    let name = at(&proxy.address);
    assert_eq!(server.ingle(&["cp", &at(&lab.registry.address), &name]).code, Some(0));
    let mut n_pushes = 0;
    let pushed = loop {
        n_pushes += 1;
        let pushed = server.ingle(&["push", "--insecure", &name]);
        if pushed.code == Some(0) || n_pushes > n {
            break pushed;
        }
    };
    assert_eq!((pushed.code, proxy.left()), (Some(0), 0), "{}", pushed.stderr);
    let again = proxy.up().saturating_sub(lab.size);
    println!("{n} cuts, {n_pushes} pushes, {again} bytes more than the {} of the model", lab.size);
    assert!(again <= n * (lab.size + CHUNK), "{again} bytes were sent twice");
    let server = Serve::start(&there);
    let pulled = server.ingle(&["pull", "--insecure", &at(&other.address)]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(digest(&there, &at(&other.address)), lab.digest);
    assert_intact(&there, "pulled what was pushed");
}
