//! Variables as tables: what each means, and what nonsense is said to be.

#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, BadVariable> {
    let find = |name: &str| {
        let found = pairs.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::read(&Variables(&find))
}

fn one(name: &str, value: &str) -> Settings {
    read(&[(name, value)]).unwrap()
}

#[test]
fn nothing_set_is_as_ollama_is() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.address.to_string(), "127.0.0.1:11434");
    assert_eq!(settings.scheduler, SchedulerSettings::default());
    assert_eq!((settings.num_parallel, settings.num_ctx, settings.kv), (1, None, None));
    assert_eq!(settings.load_timeout, Some(Duration::from_secs(300)));
    assert_eq!(settings.log_level, LevelFilter::INFO);
    assert!(!settings.keep_unused && !settings.metrics && !settings.registry);
}

#[test]
fn every_variable_is_read() {
    let minutes = |n: u64| KeepAlive::For(Duration::from_secs(60 * n));
    assert_eq!(one("OLLAMA_HOST", " \"0.0.0.0:80\" ").address.to_string(), "0.0.0.0:80");
    assert_eq!(one("OLLAMA_ORIGINS", "https://a.b").origins, "https://a.b");
    assert_eq!(one("OLLAMA_KEEP_ALIVE", "10m").scheduler.keep_alive, minutes(10));
    assert_eq!(one("OLLAMA_KEEP_ALIVE", "120").scheduler.keep_alive, minutes(2));
    assert_eq!(one("OLLAMA_KEEP_ALIVE", "-1").scheduler.keep_alive, KeepAlive::Forever);
    assert_eq!(one("OLLAMA_MAX_QUEUE", "7").scheduler.max_queue, 7);
    assert_eq!(one("OLLAMA_MAX_LOADED_MODELS", "2").scheduler.max_loaded, 2);
    assert_eq!(one("OLLAMA_MAX_LOADED_MODELS", "0").scheduler.max_loaded, DEFAULT_MAX_LOADED);
    assert_eq!(one("OLLAMA_NUM_PARALLEL", "4").num_parallel, 4);
    assert_eq!(one("OLLAMA_NUM_PARALLEL", "0").num_parallel, 1);
    assert_eq!(one("OLLAMA_CONTEXT_LENGTH", "8192").num_ctx, Some(8192));
    assert_eq!(one("OLLAMA_KV_CACHE_TYPE", "q8_0").kv, Some(KvType::Q8_0));
    assert!(one("OLLAMA_NOPRUNE", "1").keep_unused);
    assert!(!one("OLLAMA_NOPRUNE", "false").keep_unused);
    assert_eq!(one("OLLAMA_DEBUG", "1").log_level, LevelFilter::DEBUG);
    assert_eq!(one("OLLAMA_DEBUG", "2").log_level, LevelFilter::TRACE);
    assert_eq!(one("OLLAMA_LOAD_TIMEOUT", "90s").load_timeout, Some(Duration::from_secs(90)));
    assert_eq!(one("OLLAMA_LOAD_TIMEOUT", "10").load_timeout, Some(Duration::from_secs(10)));
    assert_eq!(one("OLLAMA_LOAD_TIMEOUT", "0").load_timeout, None);
    assert_eq!(one("OLLAMA_LOAD_TIMEOUT", "-1m").load_timeout, None);
    assert_eq!(one("INGLE_HOSTS", "a.lan, b.lan,").hosts, ["a.lan", "b.lan"]);
    assert_eq!(one("INGLE_TOKEN", "secret").token.as_deref(), Some("secret"));
    assert!(one("INGLE_METRICS", "true").metrics);
    assert!(one("INGLE_REGISTRY", "1").registry);
    assert_eq!(one("INGLE_PAGE", "/page").page, Some(PathBuf::from("/page")));
    assert_eq!(one("OLLAMA_MAX_QUEUE", "  ").scheduler.max_queue, DEFAULT_MAX_QUEUE);
}

#[test]
fn nonsense_names_its_variable() {
    for (name, value) in [
        ("OLLAMA_HOST", "localhost:99999"),
        ("OLLAMA_KEEP_ALIVE", "soon"),
        ("OLLAMA_MAX_QUEUE", "0"),
        ("OLLAMA_MAX_QUEUE", "many"),
        ("OLLAMA_MAX_LOADED_MODELS", "-1"),
        ("OLLAMA_NUM_PARALLEL", "1000"),
        ("OLLAMA_CONTEXT_LENGTH", "4k"),
        ("OLLAMA_KV_CACHE_TYPE", "q4_0"),
        ("OLLAMA_NOPRUNE", "maybe"),
        ("OLLAMA_DEBUG", "loud"),
        ("OLLAMA_LOAD_TIMEOUT", "5 minutes"),
        ("INGLE_METRICS", "yes"),
        ("INGLE_REGISTRY", "2"),
    ] {
        let said = read(&[(name, value)]).unwrap_err().to_string();
        let start = format!("{name} is '{value}', but ");
        assert!(said.starts_with(&start) && said.ends_with("; correct it or unset it"), "{said}");
    }
}

#[test]
fn who_may_ask_follows_from_the_address() {
    let hosts = |pairs: &[(&str, &str)]| read(pairs).unwrap().router().access.hosts.unwrap();
    let local = hosts(&[("INGLE_HOSTS", "box.lan")]);
    assert!(local.allows("localhost:1") && local.allows("box.lan"));
    assert!(!local.allows("192.168.0.2") && !local.allows("evil.example"));
    let open = hosts(&[("OLLAMA_HOST", "0.0.0.0")]);
    assert!(open.allows("192.168.0.2:11434") && !open.allows("evil.example"));
    assert!(hosts(&[("OLLAMA_HOST", "box.lan")]).allows("box.lan:11434"));
}
