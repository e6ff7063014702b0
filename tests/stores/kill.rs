//! `ingle serve` is killed at random times while it pulls, creates, copies and deletes: afterwards
//! nothing is damaged, nobody cleans up, and the same request succeeds.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tests::rng::Stream;
use tests::scratch::Scratch;

use crate::count;
use crate::http;
use crate::models::{import, noise};
use crate::program::ingle_env;
use crate::proxy::Proxy;
use crate::serve::Serve;

/// Kills; `INGLE_KILLS` says another number.
const KILLS: usize = 52;

/// What a server is killed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Pull,
    Create,
    Copy,
    Delete,
}

const WORKS: [Work; 4] = [Work::Pull, Work::Create, Work::Copy, Work::Delete];

/// Names at the store under test.
const CREATED: &str = "created:1b";
const COPIED: &str = "me/copied";

struct Lab {
    root: PathBuf,
    /// Name of the model at the registry.
    pulled: String,
    _registry: Serve,
}

impl Lab {
    fn new(scratch: &Scratch) -> Lab {
        let source = scratch.path("registry");
        import(&source, "me/noise", noise(8, 1));
        let registry = Serve::start_with(&source, &["--registry"], &[]);
        let proxy = Proxy::counting(&registry.address);
        let pulled = format!("{}/me/noise", proxy.address);
        Lab { root: scratch.path("store"), pulled, _registry: registry }
    }

    /// Sends the request; true if it succeeded, false if the server broke off.
    fn send(&self, address: &str, work: Work, file: &[u8]) -> std::io::Result<bool> {
        let post = |path: &str, body: Value| http::ask(address, "POST", path, &body);
        let success = json!({"status": "success"});
        match work {
            Work::Pull => {
                let body = json!({"model": self.pulled, "insecure": true});
                Ok(post("/api/pull", body)?.last() == success)
            }
            Work::Create => Ok(http::create(address, CREATED, file, || ())?.1 == success),
            Work::Copy => {
                let body = json!({"source": self.pulled, "destination": COPIED});
                Ok(post("/api/copy", body)?.status == 200)
            }
            Work::Delete => {
                let body = json!({"model": CREATED});
                let answer = http::ask(address, "DELETE", "/api/delete", &body)?;
                // The kill may have come after the deed.
                Ok(matches!(answer.status, 200 | 404))
            }
        }
    }

    fn succeed(&self, server: &Serve, work: Work, file: &[u8]) {
        let done = self.send(&server.address, work, file);
        assert!(done.is_ok_and(|done| done), "{work:?}: {}", server.log());
    }

    /// Makes the work something that has to be done.
    fn prepare(&self, server: &Serve, work: Work) {
        let gone: Vec<&str> = match work {
            // The copy goes too, or it would keep the blobs.
            Work::Pull => vec![&self.pulled, COPIED],
            Work::Create => vec![CREATED],
            Work::Copy => vec![COPIED],
            Work::Delete => Vec::new(),
        };
        for name in gone {
            let answer = server.ask("DELETE", "/api/delete", &json!({"model": name}));
            assert!(matches!(answer.status, 200 | 404), "{}", answer.status);
        }
    }

    /// The store can be opened and is whole, as the command finds it.
    fn assert_good(&self, when: &str) {
        let models = [("OLLAMA_MODELS", self.root.to_str().unwrap())];
        let verified = ingle_env(&["verify", "--format", "json"], &models, b"");
        assert_eq!(verified.json()["good"], true, "{when}: {}", verified.stderr);
    }
}

#[test]
fn a_server_that_is_killed_leaves_a_good_store() {
    let scratch = Scratch::new();
    let lab = Lab::new(&scratch);
    let delays = Stream::new(7, "kills");
    let mut server = Serve::start(&lab.root);
    // How long each takes, unkilled: kills shall fall into all of it.
    let spans = WORKS.map(|work| {
        let start = Instant::now();
        lab.succeed(&server, work, &noise(1, 99));
        start.elapsed()
    });
    let (kills, mut broken) = (count("INGLE_KILLS", KILLS), [0; WORKS.len()]);
    for kill in 0..kills {
        let at = kill % WORKS.len();
        let (work, file) = (WORKS[at], noise(1, kill as u64));
        lab.prepare(&server, work);
        let delay = spans[at].mul_f32(1.1 * delays.unit(kill as u64));
        let address = server.address.clone();
        let done = std::thread::scope(|scope| {
            let sent = scope.spawn(|| lab.send(&address, work, &file));
            std::thread::sleep(delay);
            server.kill();
            sent.join().unwrap().unwrap_or(false)
        });
        broken[at] += usize::from(!done);
        lab.assert_good(&format!("kill {kill}, {work:?} after {delay:?}"));
        server = Serve::start(&lab.root);
        assert_eq!(server.ask("GET", "/api/tags", &Value::Null).status, 200);
        lab.succeed(&server, work, &file);
    }
    lab.assert_good("in the end");
    drop(server);
    println!("{kills} kills; broken off: {WORKS:?} {broken:?}; unkilled {spans:?}");
    assert!(broken.iter().sum::<usize>() > 0, "no kill came in time");
    assert_no_rests(&lab.root);
}

/// What kills left goes with a prune: nothing is stuck.
fn assert_no_rests(root: &Path) {
    let store = crate::models::open(root);
    pollster::block_on(store.prune(store::Ages { grace_ms: 0, part_ms: 0 })).unwrap();
    for rest in ["ingle/tmp", "ingle/parts"] {
        let left = std::fs::read_dir(root.join(rest)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{rest}");
    }
}
