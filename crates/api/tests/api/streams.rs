//! Answers that are not read to their end, and streams beside each other.

use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::task::LocalSpawnExt;

use api::http::{Body, Response};

use crate::fake::{Server, read, request};

const CHAT: &str = r#"{"model":"llama","messages":[{"role":"user","content":"hi"}]}"#;

/// Sends a request and returns its response with the body still to come; `None` if there is no
/// response yet.
fn begin(server: &mut Server, path: &str, body: &str) -> Option<Response> {
    let router = server.router.clone();
    let request = request("POST", path, body);
    let (sender, mut response) = oneshot::channel();
    let work = async move {
        sender.send(router.handle(request).await).ok();
    };
    server.pool.spawner().spawn_local(work).expect("the pool is there");
    server.pool.run_until_stalled();
    response.try_recv().ok().flatten()
}

#[test]
fn a_dropped_body_frees_its_slot() {
    for (path, body) in [
        ("/api/chat", CHAT.to_owned()),
        ("/api/generate", r#"{"model":"llama","prompt":"hi"}"#.into()),
        ("/v1/chat/completions", CHAT.replacen('{', "{\"stream\":true,", 1)),
        ("/v1/completions", r#"{"model":"llama","prompt":"hi","stream":true,"n":3}"#.into()),
    ] {
        let mut server = Server::new();
        server.backend.paused.set(true);
        let response = begin(&mut server, path, &body).expect("the prompt was accepted");
        assert_eq!((response.status, server.backend.running.get()), (200, 1), "{path}");
        // The only slot is taken; dropping the stream hands it over.
        assert!(begin(&mut server, path, &body).is_none(), "{path}");
        assert_eq!(server.router.scheduler().waiting(), 1);
        drop(response);
        server.pool.run_until_stalled();
        assert_eq!(server.router.scheduler().waiting(), 0);
        assert_eq!(server.router.scheduler().loaded()[0].in_use, 0, "{path}");
    }
}

#[test]
fn a_request_that_is_dropped_while_it_waits_leaves_the_queue() {
    let mut server = Server::new();
    server.backend.hold("llama");
    let router = server.router.clone();
    let mut work = Box::pin(async move { router.handle(request("POST", "/api/chat", CHAT)).await });
    let waker = futures_util::task::noop_waker();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(work.as_mut().poll(&mut context).is_pending());
    server.pool.run_until_stalled();
    assert_eq!(server.router.scheduler().waiting(), 1);
    drop(work);
    assert_eq!(server.router.scheduler().waiting(), 0);
    server.backend.let_go("llama");
    server.pool.run_until_stalled();
    assert_eq!(server.router.scheduler().loaded()[0].in_use, 0);
}

#[test]
fn the_slot_is_free_before_the_end_is_read() {
    let mut server = Server::new();
    let mut response = begin(&mut server, "/api/chat", CHAT).expect("an answer");
    let Body::Stream(chunks) = &mut response.body else { panic!("a stream") };
    let last = futures_executor::block_on(async {
        let mut last = Vec::new();
        for _ in 0..4 {
            last = chunks.next().await.expect("four objects").expect("no error");
        }
        last
    });
    assert!(String::from_utf8_lossy(&last).contains("\"done\":true"));
    assert_eq!(server.router.scheduler().loaded()[0].in_use, 0);
}

#[test]
fn streams_beside_each_other_are_not_mixed() {
    let mut server = Server::with(api::Settings { num_parallel: 4, ..crate::fake::settings() });
    server.says(&[]);
    let (sender, mut answers) = futures_channel::mpsc::unbounded();
    for i in 0..64 {
        let (router, sender) = (server.router.clone(), sender.clone());
        let work = async move {
            let body = format!(r#"{{"model":"base","prompt":"number {i}.","raw":true}}"#);
            let answer = read(router.handle(request("POST", "/api/generate", &body)).await).await;
            sender.unbounded_send((i, answer)).ok();
        };
        server.pool.spawner().spawn_local(work).expect("the pool is there");
    }
    drop(sender);
    server.pool.run_until_stalled();
    let mut n = 0;
    while let Ok((i, answer)) = answers.try_recv() {
        n += 1;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(&format!("\"response\":\"number {i}.\"")), "{}", answer.body);
        assert_eq!(answer.body.matches("\"done\":true").count(), 1);
    }
    assert_eq!(n, 64);
    assert_eq!(server.backend.take_log(), "load base");
}

#[test]
fn a_thousand_cancels_leak_no_slot() {
    let mut server = Server::new();
    server.backend.paused.set(true);
    for _ in 0..1000 {
        drop(begin(&mut server, "/api/chat", CHAT).expect("the slot is free again"));
    }
    server.backend.paused.set(false);
    assert_eq!(server.backend.running.get(), 0);
    assert_eq!(server.post("/api/chat", CHAT).status, 200);
}

#[test]
fn deleting_a_model_lets_its_streams_end() {
    let mut server = Server::new();
    server.backend.paused.set(true);
    let response = begin(&mut server, "/api/chat", CHAT).expect("the prompt was accepted");
    let delete = request("DELETE", "/api/delete", r#"{"model":"llama"}"#);
    assert_eq!(server.send(delete).status, 200);
    assert_eq!(server.router.scheduler().loaded().len(), 1, "it is still in use");
    server.backend.paused.set(false);
    let answer = futures_executor::block_on(read(response));
    assert!(answer.body.contains("\"done_reason\":\"stop\""), "{}", answer.body);
    server.pool.run_until_stalled();
    assert_eq!(server.backend.take_log(), "load llama, unload llama");
    assert_eq!(server.post("/api/chat", CHAT).status, 404);
}

#[test]
fn a_prompt_is_accepted_before_the_status_is_sent() {
    let mut server = Server::new();
    let body =
        r#"{"model":"base","prompt":"hi","stream":true,"truncate":false,"options":{"num_ctx":8}}"#;
    assert_eq!(server.post("/api/generate", body).status, 400);
}
