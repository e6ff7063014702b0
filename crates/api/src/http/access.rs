//! Who may ask: the checks that come before any handler.
//!
//! A server on loopback can be reached by every page in the browser beside it. Four facts that a
//! page cannot forge keep strangers out: `Host`, `Origin`, `Sec-Fetch-Site`, and that a body of
//! type JSON needs a preflight. [`judge`] is a pure function of the settings and one request.

use super::{Headers, HostPolicy, Method, OriginPolicy, Request};

/// What may be asked by whom.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// `None`: there is no network between client and router, as in a page's service worker.
    pub hosts: Option<HostPolicy>,
    /// Pages that may ask besides those of this server.
    pub origins: OriginPolicy,
    /// Refuse bodies that do not call themselves JSON from everyone. Off, only browsers must say
    /// so: `curl -d`, as in Ollama's own documentation, sends another type, and has no cookies or
    /// pages that could be abused.
    pub json_from_all: bool,
    /// What `Authorization: Bearer` must carry, if anything.
    pub token: Option<String>,
}

impl AccessSettings {
    /// For a server on loopback, with `OLLAMA_ORIGINS`.
    pub fn loopback(origins: &str) -> AccessSettings {
        AccessSettings {
            hosts: Some(HostPolicy::loopback(Vec::<String>::new())),
            origins: OriginPolicy::ollama(origins),
            json_from_all: false,
            token: None,
        }
    }

    /// For a router inside of the page that asks it: nobody else reaches it.
    pub fn in_page() -> AccessSettings {
        AccessSettings { hosts: None, ..AccessSettings::loopback("*") }
    }
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to its handler; the answer gets these headers.
    Pass(Headers),
    /// It was a browser's question about a request; the answer is 204 with these headers.
    Preflight(Headers),
    /// It ends here: status, reason, and the headers that let an allowed page read them.
    Refuse(u16, &'static str, Headers),
}

/// Request headers that a page may send: those of Ollama's and OpenAI's clients.
const ALLOWED_HEADERS: &str = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,\
    OpenAI-Beta,x-stainless-arch,x-stainless-async,x-stainless-custom-poll-interval,\
    x-stainless-helper-method,x-stainless-lang,x-stainless-os,x-stainless-package-version,\
    x-stainless-poll-helper,x-stainless-retry-count,x-stainless-runtime,\
    x-stainless-runtime-version,x-stainless-timeout,anthropic-version,anthropic-beta,\
    anthropic-dangerous-direct-browser-access,x-api-key";

/// Paths without a token: what asks there (a load balancer, an orchestrator) often cannot keep a
/// secret, and learns only that the server is there.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// Seconds that a browser may remember a preflight: gin's half a day.
const PREFLIGHT_SECONDS: &str = "43200";

/// Decides about one request by its method, path and headers.
pub fn judge(settings: &AccessSettings, request: &Request) -> Verdict {
    let headers = &request.headers;
    let refuse = |(status, reason)| Verdict::Refuse(status, reason, Headers::default());
    if let Err(refused) = check_host(settings, headers) {
        return refuse(refused);
    }
    let cors = match check_origin(settings, headers) {
        Ok(cors) => cors,
        Err(refused) => return refuse(refused),
    };
    if request.method == Method::Options
        && headers.get("origin").is_some()
        && headers.get("access-control-request-method").is_some()
    {
        return preflight(cors);
    }
    let token = match PROBES.contains(&request.path.as_str()) {
        true => Ok(()),
        false => check_token(settings, headers),
    };
    let checks = [check_fetch(request), check_body_type(settings, request), token];
    match checks.into_iter().find_map(Result::err) {
        Some((status, reason)) => Verdict::Refuse(status, reason, cors),
        None => Verdict::Pass(cors),
    }
}

/// Nothing, or the status and the reason of a refusal.
type Check<T = ()> = Result<T, (u16, &'static str)>;

fn check_host(settings: &AccessSettings, headers: &Headers) -> Check {
    let Some(policy) = &settings.hosts else { return Ok(()) };
    let mut hosts = headers.all("host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if policy.allows(host) => Ok(()),
        (Some(_), None) => Err((403, "this host name is not served here")),
        (None, _) => Err((400, "the request names no host")),
        (Some(_), Some(_)) => Err((400, "the request names two hosts")),
    }
}

/// The headers for an allowed page; none for this server's own pages and for programs.
fn check_origin(settings: &AccessSettings, headers: &Headers) -> Check<Headers> {
    let mut origins = headers.all("origin");
    let Some(origin) = origins.next() else { return Ok(Headers::default()) };
    let host = headers.get("host");
    let is_own = host.is_some_and(|host| {
        let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        site.is_some_and(|site| site.eq_ignore_ascii_case(host))
    });
    if origins.next().is_some() || !is_own && !settings.origins.allows(origin) {
        return Err((403, "pages of this origin may not use this server"));
    }
    if is_own {
        return Ok(Headers::default());
    }
    let echoed = if settings.origins.is_any() { "*" } else { origin };
    Ok(Headers::of([("access-control-allow-origin", echoed), ("vary", "Origin")]))
}

fn preflight(cors: Headers) -> Verdict {
    let mut headers = cors;
    if headers.get("access-control-allow-origin").is_some() {
        headers.set("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS");
        headers.set("access-control-allow-headers", ALLOWED_HEADERS);
        headers.set("access-control-max-age", PREFLIGHT_SECONDS);
    }
    Verdict::Preflight(headers)
}

/// A page of another site loads something from here without being asked for its origin, such as
/// an image. Following a link is no such thing.
fn check_fetch(request: &Request) -> Check {
    let header = |name| request.headers.get(name);
    let is_link = matches!(request.method, Method::Get | Method::Head)
        && header("sec-fetch-mode") == Some("navigate")
        && header("sec-fetch-dest") == Some("document");
    let is_foreign = header("sec-fetch-site") == Some("cross-site") && header("origin").is_none();
    match is_foreign && !is_link {
        true => Err((403, "requests from other sites are not answered")),
        false => Ok(()),
    }
}

/// 415 for bodies that are packed, and for those that a form of a web page could have sent.
fn check_body_type(settings: &AccessSettings, request: &Request) -> Check {
    const NOT_JSON: &str = "the body must be sent with Content-Type: application/json";
    let headers = &request.headers;
    if headers.get("content-encoding").is_some_and(|c| !c.eq_ignore_ascii_case("identity")) {
        return Err((415, "packed bodies are not accepted; send it unpacked"));
    }
    let changes = matches!(request.method, Method::Post | Method::Delete);
    if !changes || request.path.starts_with("/api/blobs/") {
        return Ok(());
    }
    let media_type = headers.get("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = media_type.eq_ignore_ascii_case("application/json");
    let from_browser = headers.get("origin").is_some() || headers.get("sec-fetch-site").is_some();
    let is_form = media_type.eq_ignore_ascii_case("multipart/form-data");
    let must_be = settings.json_from_all || from_browser || is_form;
    if must_be && !is_json { Err((415, NOT_JSON)) } else { Ok(()) }
}

fn check_token(settings: &AccessSettings, headers: &Headers) -> Check {
    const REFUSED: (u16, &str) = (401, "unauthorized: send the server's token as a bearer token");
    let Some(token) = &settings.token else { return Ok(()) };
    // Anthropic's clients send their key in a header of its own.
    let bearer = headers.get("authorization").and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let bearer = bearer.map(|(_, token)| token);
    let given = bearer.or_else(|| headers.get("x-api-key")).ok_or(REFUSED)?;
    // Every byte is looked at, so that the time tells nothing about where they differ.
    let differs = given.bytes().zip(token.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    if given.len() == token.len() && differs == 0 { Ok(()) } else { Err(REFUSED) }
}
