//! The scheduler's rules: Ollama's own cases, and those where it differs on purpose.
//!
//! A case is a list of steps in one line each: `ask a` asks for a model (`ask a 8k` with a context,
//! `ask a keep=1m`), `drop 1` gives the first lease back or leaves the queue, `hold a` lets loads
//! and unloads of a model hang, `wait 60s` moves the clock. After each step the state must be the
//! one behind `=>`: who was granted or refused, by number, and what the backend did.

use api::host::{LoadError, LoadSpec, Memory};
use api::scheduler::{Lease, Scheduler, SchedulerError, SchedulerSettings};
use api::types::KeepAlive;
use futures_channel::oneshot;
use futures_util::task::LocalSpawnExt;

use crate::fake::{FakeBackend, FakeEnv, Server};

type FakeScheduler = Scheduler<FakeBackend, FakeEnv>;
type Answer = Result<Lease<FakeBackend, FakeEnv>, SchedulerError>;

const GIB: u64 = 1 << 30;

/// One request: its answer when it came, and what cancels it.
struct Asked {
    answer: oneshot::Receiver<Answer>,
    lease: Option<Lease<FakeBackend, FakeEnv>>,
    cancel: Option<oneshot::Sender<()>>,
}

struct World {
    server: Server,
    scheduler: FakeScheduler,
    asked: Vec<Asked>,
}

fn spec(file: &str) -> LoadSpec {
    LoadSpec { name: file.into(), files: vec![file.into()], slots: 1, ..LoadSpec::default() }
}

impl World {
    /// Models take 1 GiB each and 4 fit, three at a time.
    fn new(settings: SchedulerSettings) -> World {
        let settings =
            api::Settings { scheduler: settings, metrics: true, ..crate::fake::settings() };
        let server = Server::with(settings);
        server.backend.budget.set(Memory { host: 4 * GIB, device: 0 });
        let scheduler = server.router.scheduler();
        World { server, scheduler, asked: Vec::new() }
    }

    fn ask(&mut self, spec: LoadSpec, keep_alive: Option<KeepAlive>) {
        use futures_util::future::{Either, select};
        let scheduler = self.scheduler.clone();
        let (sender, answer) = oneshot::channel();
        let (cancel, cancelled) = oneshot::channel::<()>();
        let work = async move {
            let acquire = std::pin::pin!(scheduler.acquire(spec, keep_alive));
            if let Either::Left((answer, _)) = select(acquire, cancelled).await {
                sender.send(answer).ok();
            }
        };
        self.server.pool.spawner().spawn_local(work).expect("the pool is there");
        self.asked.push(Asked { answer, lease: None, cancel: Some(cancel) });
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        match words[..] {
            ["ask", file] => self.ask(spec(file), None),
            ["ask", file, how] if how.starts_with("keep=") => {
                let keep_alive = KeepAlive::parse(&how[5..]).expect("a keep-alive");
                self.ask(spec(file), Some(keep_alive));
            }
            ["ask", file, how] if how.starts_with("slots=") => {
                let slots = how[6..].parse().expect("a number");
                self.ask(LoadSpec { slots, ..spec(file) }, None);
            }
            ["ask", file, how] if how.starts_with("gpu=") => {
                let num_gpu = how[4..].parse().ok();
                self.ask(LoadSpec { num_gpu, ..spec(file) }, None);
            }
            ["ask", file, num_ctx] => {
                let num_ctx = num_ctx.parse().ok();
                self.ask(LoadSpec { num_ctx, ..spec(file) }, None);
            }
            ["drop", n] => {
                let n: usize = n.parse().expect("a number");
                let asked = &mut self.asked[n - 1];
                asked.lease = None;
                asked.cancel = None;
            }
            ["hold", file] => self.server.backend.hold(file),
            ["go", file] => self.server.backend.let_go(file),
            ["need", file, gib] => {
                let need = Memory { host: gib.parse::<u64>().expect("a number") * GIB, device: 0 };
                self.server.backend.needs.borrow_mut().insert(file.into(), need);
            }
            ["fail", file, how] => {
                let error = match how {
                    "memory" => LoadError::Memory("out of memory".into()),
                    _ => LoadError::Failed("the file is damaged".into()),
                };
                self.server.backend.failures.borrow_mut().insert(file.into(), (1, error));
            }
            ["unload", file] => assert!(self.scheduler.unload(file), "{file} is loaded"),
            ["wait", span] => {
                let (_, span) = api::types::parse_duration(span).expect("a duration");
                self.server.env.advance(span);
            }
            _ => panic!("no such step: {step}"),
        }
        self.server.pool.run_until_stalled();
    }

    /// What happened since the last look.
    fn look(&mut self) -> String {
        let mut news = Vec::new();
        for (i, asked) in self.asked.iter_mut().enumerate() {
            match asked.answer.try_recv() {
                Ok(Some(Ok(lease))) => {
                    news.push(format!("{}:ok", i + 1));
                    asked.lease = Some(lease);
                }
                Ok(Some(Err(error))) => {
                    let word = match error {
                        SchedulerError::Busy => "busy",
                        SchedulerError::Closed => "closed",
                        SchedulerError::TooBig { .. } => "big",
                        SchedulerError::Load(_) => "failed",
                    };
                    news.push(format!("{}:{word}", i + 1));
                }
                _ => {}
            }
        }
        let log = self.server.backend.take_log();
        news.extend((!log.is_empty()).then_some(log));
        news.join(" ")
    }
}

/// Runs a case; lines are `step => what happens`.
fn run(name: &str, settings: SchedulerSettings, steps: &str) -> World {
    let mut world = World::new(settings);
    for line in steps.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, want) = line.split_once("=>").unwrap_or((line, ""));
        world.step(step.trim());
        assert_eq!(world.look(), want.trim(), "{name}: {step}");
    }
    world
}

/// Cases of the text file: `# name`, `: N loaded, M waiting` for the bounds, and the steps.
#[test]
fn the_table() {
    let text = include_str!("tables/scheduler.txt");
    let cases: Vec<&str> = text.split("# ").filter(|case| !case.trim().is_empty()).collect();
    assert!(cases.len() >= 22, "{} cases", cases.len());
    for case in cases {
        let mut lines = case.splitn(3, '\n');
        let (name, bounds, steps) = (lines.next(), lines.next(), lines.next());
        let mut bounds = bounds.unwrap().split([' ', ',']).filter_map(|word| word.parse().ok());
        let settings = SchedulerSettings {
            max_loaded: bounds.next().unwrap(),
            max_queue: bounds.next().unwrap(),
            ..SchedulerSettings::default()
        };
        run(name.unwrap(), settings, steps.unwrap());
    }
}

#[test]
fn short_memory_at_load_frees_the_idle_and_tries_once_more() {
    let world = run(
        "retry",
        SchedulerSettings::default(),
        "
        ask a => 1:ok load a
        drop 1
        fail b memory
        ask b => 2:ok load b, unload a, load b",
    );
    assert_eq!(world.scheduler.loaded().len(), 1);
    // With nothing to free it is an error at once.
    run(
        "no retry",
        SchedulerSettings::default(),
        "
        fail b memory
        ask b => 1:failed load b
        ask b => 2:ok load b",
    );
}

#[test]
fn a_refusal_says_how_much() {
    let refusal = |need: Memory, have: Memory| SchedulerError::TooBig { need, have }.to_string();
    let host = |host| Memory { host, device: 0 };
    assert_eq!(
        refusal(host(5 * GIB + GIB / 2), host(3 << 20)),
        "model requires more system memory (5.5 GiB) than is available (3.0 MiB); use a smaller \
         model, a smaller num_ctx, or fewer parallel requests"
    );
    let device = |device| Memory { host: 0, device };
    assert_eq!(
        refusal(device(2048), device(100)),
        "model requires more graphics memory (2.0 KiB) than is available (100 B); use a smaller \
         model, a smaller num_ctx, or fewer parallel requests"
    );
}

#[test]
fn two_kinds_of_memory_count_apart() {
    let mut world = World::new(SchedulerSettings::default());
    world.server.backend.budget.set(Memory { host: 4 * GIB, device: 4 * GIB });
    let need = |file: &str, host: u64, device: u64| {
        let memory = Memory { host: host * GIB, device: device * GIB };
        world.server.backend.needs.borrow_mut().insert(file.into(), memory);
    };
    need("a", 0, 3);
    need("b", 3, 0);
    need("c", 0, 2);
    for (step, want) in [
        ("ask a", "1:ok load a"),
        ("ask b", "2:ok load b"),
        ("drop 1", ""),
        ("drop 2", ""),
        ("ask c", "3:ok unload a, load c"),
    ] {
        world.step(step);
        assert_eq!(world.look(), want, "{step}");
    }
    let loaded = world.scheduler.loaded();
    let sizes: Vec<(u64, u64)> = loaded.iter().map(|m| (m.size / GIB, m.size_vram / GIB)).collect();
    assert!(sizes.contains(&(3, 0)) && sizes.contains(&(2, 2)), "{sizes:?}");
}

#[test]
fn what_is_loaded_is_listed_with_its_end() {
    let mut world = World::new(SchedulerSettings::default());
    for step in ["ask a keep=1m", "ask b keep=-1", "drop 1", "drop 2", "wait 10s"] {
        world.step(step);
        world.look();
    }
    let loaded = world.scheduler.loaded();
    let ends: Vec<String> = loaded.iter().map(|model| model.expires_at.to_string()).collect();
    // Loads take 5 ms; a minute after the first was given back.
    assert_eq!(ends[1], "2024-02-29T12:35:56.01Z");
    assert!(ends[0].starts_with("2316-"), "{}", ends[0]);
    assert_eq!(loaded[0].spec.name, "b");
    assert_eq!((loaded[0].num_ctx, loaded[0].in_use), (4096, 0));
}

#[test]
fn closing_ends_everything_in_order() {
    let mut world = World::new(SchedulerSettings::default());
    for (step, want) in [("ask a", "1:ok load a"), ("ask a", ""), ("ask b", "3:ok load b")] {
        world.step(step);
        assert_eq!(world.look(), want);
    }
    world.step("drop 3");
    let health = |world: &mut World| {
        ["/livez", "/readyz", "/healthz"].map(|path| world.server.get(path).status)
    };
    assert_eq!(health(&mut world), [200, 200, 200]);
    let scheduler = world.scheduler.clone();
    let (sender, mut closed) = oneshot::channel();
    let close = async move {
        scheduler.close().await;
        sender.send(()).ok();
    };
    world.server.pool.spawner().spawn_local(close).expect("the pool is there");
    world.server.pool.run_until_stalled();
    assert_eq!(world.look(), "2:closed unload b");
    assert_eq!(closed.try_recv(), Ok(None), "the first request still runs");
    world.step("ask a");
    assert_eq!(world.look(), "4:closed");
    assert_eq!(health(&mut world), [200, 503, 503]);
    world.step("drop 1");
    assert_eq!(world.look(), "unload a");
    assert_eq!(closed.try_recv(), Ok(Some(())));
}

#[test]
fn the_metric_for_autoscaling_counts_who_waits() {
    let mut world = World::new(SchedulerSettings::default());
    let waiting = |world: &mut World| {
        let text = world.server.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix("ingle_queue_length "));
        line.map(str::to_owned)
    };
    for (step, want) in [
        ("ask a", "0"),  // has the model's only slot
        ("ask a", "1"),  // waits for it
        ("hold b", "1"), // a load that takes its time
        ("ask b", "2"),
        ("drop 2", "1"), // went away
        ("go b", "0"),
        ("drop 1", "0"),
    ] {
        world.step(step);
        assert_eq!(waiting(&mut world).as_deref(), Some(want), "after {step}");
    }
}

#[test]
fn a_second_runner_returns_at_once() {
    let server = Server::new();
    let mut pool = server.pool;
    pool.run_until_stalled();
    let scheduler = server.router.scheduler();
    pool.run_until(scheduler.run());
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let settings = SchedulerSettings { max_queue: 1, ..SchedulerSettings::default() };
    let mut world = World::new(settings);
    for step in ["ask llama", "ask llama"] {
        world.step(step);
        world.look();
    }
    let chat = r#"{"model":"llama","messages":[{"role":"user","content":"hi"}]}"#;
    let answer = world.server.post("/api/chat", chat);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers.get("retry-after"), Some("1"));
    let text = "server busy, please try again.  maximum pending requests exceeded";
    assert_eq!(answer.body, format!("{{\"error\":\"{text}\"}}"));
    let openai = world.server.post("/v1/chat/completions", chat);
    assert_eq!(openai.status, 503);
    let error = format!("\"message\":\"{text}\",\"type\":\"api_error\"");
    assert!(openai.body.contains(&error), "{}", openai.body);
}

/// A host may load with more or fewer slots than it was asked for: what it says counts.
#[test]
fn a_model_is_lent_as_often_as_it_says() {
    for (n_slots, wants) in [(0, ["1:ok load a", "", ""]), (2, ["1:ok load a", "2:ok", ""])] {
        let mut world = World::new(SchedulerSettings::default());
        world.server.backend.n_slots.set(n_slots);
        for want in wants {
            world.step("ask a");
            assert_eq!(world.look(), want, "{n_slots} slots");
        }
    }
}
