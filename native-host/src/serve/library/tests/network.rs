//! Pull and push over real sockets, and going on after a cut.

use api::host::{Library, LibraryError};
use api::types::ollama::{Progress, TransferRequest};
use futures_util::StreamExt;
use serde_json::json;
use store::Placing;

use super::files::in_folder;
use super::lab::{collect, create_tiny, gguf, library, metadata, request, run, succeed};
use super::registry::Registry;

/// Floats of the large model: 24 MiB, twelve pieces of a download.
const LARGE: u32 = 6 << 20;

fn transfer(model: &str) -> TransferRequest {
    request(json!({"model": model, "insecure": true}))
}

fn steps(lines: &[Progress]) -> Vec<&str> {
    let mut steps: Vec<&str> = lines.iter().map(|line| line.status.as_str()).collect();
    steps.dedup();
    steps
}

#[test]
fn a_model_is_pushed_and_pulled_again() {
    let ((_a, source), (registry_folder, _), (_b, other)) = (library(), library(), library());
    let registry = Registry::start(registry_folder.path());
    run(async {
        let name = format!("{}/me/tiny:1b", registry.address);
        create_tiny(&source, &name).await;
        let digest = source.get(&name).await.unwrap().digest;

        let lines = succeed(source.push(transfer(&name))).await;
        let said = steps(&lines);
        assert_eq!((said[0], said[said.len() - 2]), ("retrieving manifest", "pushing manifest"));
        assert!(said[1].starts_with("pushing "), "{said:?}");

        let lines = succeed(other.pull(transfer(&name))).await;
        let said = steps(&lines);
        assert_eq!(said[0], "pulling manifest");
        assert!(said[1].starts_with("pulling "), "{said:?}");
        let end = ["verifying sha256 digest", "writing manifest", "success"];
        assert_eq!(said[said.len() - 3..], end);
        assert_eq!(other.get(&name).await.unwrap().digest, digest);
        assert!(other.verify(Some(&name), |_| ()).await.unwrap().is_good());

        // Of what is there nothing comes twice.
        let sent = registry.sent();
        succeed(other.pull(transfer(&name))).await;
        assert_eq!(registry.sent(), sent);
    });
}

#[test]
fn transfers_that_cannot_be() {
    let ((_a, library), (registry_folder, _)) = (library(), library());
    let registry = Registry::start(registry_folder.path());
    run(async {
        let address = registry.address;
        let nothing = format!("{address}/me/nothing");
        let rows = [
            (library.pull(transfer(&nothing)), "pull model manifest: file does not exist"),
            (library.push(transfer("absent")), "model 'absent:latest' not found"),
            (library.pull(transfer("a/b/c/d/e")), "invalid model name"),
            (
                library.pull(request(json!({"model": format!("http://{address}/a/b")}))),
                "insecure protocol http",
            ),
            (library.pull(transfer(&format!("http://{address}/v2/"))), "\"http://"),
        ];
        for (stream, want) in rows {
            let (_, error) = collect(stream).await;
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(want), "{error:?} is not {want:?}");
        }
        assert_eq!(library.list().await.unwrap().len(), 0);
    });
}

#[test]
fn names_that_resolve_to_this_machine_are_refused() {
    use store::{Fetch, FetchError, Headers, Method, Request};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ask = |allow_private| {
        let url = url::Url::parse(&format!("http://localhost:{port}/")).unwrap();
        let (headers, body) = (Headers::default(), Vec::new());
        let request = Request { method: Method::Get, url, headers, body, allow_private };
        async move { crate::serve::fetch::HttpFetch::default().fetch(request).await.err() }
    };
    run(async {
        let refused = ask(false).await;
        let is_refused =
            matches!(&refused, Some(FetchError::Refused(why)) if why.contains("private"));
        assert!(is_refused, "{refused:?}");
    });
    // Nobody answers there; but the connection was tried.
    drop(listener);
    let tried = run(ask(true));
    assert!(matches!(tried, Some(FetchError::Connection(_))), "{tried:?}");
}

/// A registry with a large model, and its name.
fn large() -> (tempfile::TempDir, Registry, String, u64) {
    let (folder, store) = library();
    let bytes = gguf(metadata(), "a", LARGE);
    let file = folder.path().join("large.gguf");
    std::fs::write(&file, &bytes).unwrap();
    run(store.import("me/large", &file, Placing::Link)).unwrap();
    let registry = Registry::start(folder.path());
    let name = format!("{}/me/large", registry.address);
    (folder, registry, name, bytes.len() as u64)
}

/// Bytes that a cut may cost: an unfinished piece of 2 MiB on each connection, and what sockets of
/// the loopback device had taken and nobody read.
const LOST: u64 = 12 << 20;

#[test]
fn a_pull_goes_on_after_the_server_was_cut() {
    let ((_a, registry, name, size), (_b, library)) = (large(), library());
    // Late enough that beginning again would cost more than what may be lost.
    registry.cut_at(size / 4 * 3);
    run(async {
        let lines = succeed(library.pull(transfer(&name))).await;
        let mut most = 0;
        for line in lines.iter().filter(|line| line.total == Some(size)) {
            assert!(line.completed >= Some(most), "{line:?} after {most}");
            most = line.completed.unwrap_or(most);
        }
        assert_eq!(most, size);
        assert!(library.verify(Some(&name), |_| ()).await.unwrap().is_good());
    });
    assert!(registry.sent() <= size + LOST, "{} of {size}", registry.sent());
}

#[test]
fn a_pull_that_was_dropped_goes_on_in_the_next_process() {
    let ((_a, registry, name, size), (folder, library)) = (large(), library());
    run(async {
        let mut stream = library.pull(transfer(&name));
        while let Some(line) = stream.next().await {
            let line = line.unwrap();
            if line.total == Some(size) && line.completed >= Some(size / 2) {
                break;
            }
        }
        assert_eq!(
            library.get(&name).await.err().map(|e| matches!(e, LibraryError::NotFound(_))),
            Some(true)
        );
    });
    drop(library);
    let sent = registry.sent();
    run(async {
        let next = in_folder(folder.path());
        succeed(next.pull(transfer(&name))).await;
        assert!(next.verify(Some(&name), |_| ()).await.unwrap().is_good());
    });
    // Half was there but for unfinished pieces, 2 MiB on each of four connections.
    let again = registry.sent() - sent;
    assert!(again <= size / 2 + (8 << 20), "{again} of {size}");
}

#[test]
fn a_file_is_pulled_from_its_address() {
    let ((_a, registry, _, size), (_b, library)) = (large(), library());
    run(async {
        let source = in_folder(_a.path());
        let digest = &source.get("me/large").await.unwrap().files[0];
        let url = format!("http://{}/v2/me/large/blobs/{digest}", registry.address);
        let lines = succeed(library.pull(transfer(&url))).await;
        assert!(lines.iter().any(|line| line.completed == Some(size)));
        let models = library.list().await.unwrap();
        assert_eq!((models.len(), &models[0].files[0]), (1, digest));
    });
}
