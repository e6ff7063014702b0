//! Who is told what: tokens, passwords, keys, redirects to other hosts, private networks.

use std::rc::Rc;

use store::{Credentials, Error, KeySigner, MemoryIo, RegistryAccess, Signed};

use crate::lab::{Lab, answer, assert_told_nobody_but, name, weights};

const REALM: &str =
    "Bearer realm=\"https://registry.ollama.ai/token?x=1\",service=\"ollama\",scope=\"repo:a b\"";

/// The registry wants this `Authorization` for everything, and gives a token for `proof`.
fn guarded(lab: &Lab, token: &'static str, proof: Option<&'static str>) {
    lab.script(move |request| {
        let said = request.headers.get("authorization");
        match request.url.path() {
            "/token" if proof.is_none() || said.is_some_and(|s| Some(s) == proof) => {
                answer(200, &[], format!("{{\"token\":\"{token}\"}}").as_bytes())
            }
            "/token" => answer(401, &[], b""),
            _ if said == Some(&format!("Bearer {token}")) => None,
            _ => answer(401, &[("WWW-Authenticate", REALM)], b""),
        }
    });
}

fn pull(lab: &Lab, model: &str, access: RegistryAccess) -> Result<store::Name, Error> {
    let client = lab.client(&MemoryIo::default());
    lab.clock.run(client.pull(&name(model), access, |_| ()))
}

fn with(credentials: Credentials) -> RegistryAccess {
    RegistryAccess { credentials, ..RegistryAccess::default() }
}

fn basic() -> Credentials {
    Credentials::Basic { user: "u".into(), password: "p".into() }
}

#[test]
fn a_challenge_is_answered_with_a_token() {
    let lab = Lab::new();
    lab.publish("m", &weights(9000, 1));
    guarded(&lab, "abc", None);
    pull(&lab, "m", RegistryAccess::default()).unwrap();
    let log = lab.log.borrow();
    let token = log.iter().find(|request| request.url.path() == "/token").unwrap();
    assert_eq!(token.url.query(), Some("x=1&service=ollama&scope=repo%3Aa&scope=b"));
    assert_eq!(token.headers.get("authorization"), None);
}

#[test]
fn a_password_gets_the_token_and_a_wrong_one_is_said() {
    let lab = Lab::new();
    lab.publish("m", &weights(900, 1));
    guarded(&lab, "abc", Some("Basic dTpw"));
    pull(&lab, "m", with(basic())).unwrap();
    assert_told_nobody_but(&lab, "registry.ollama.ai");
    for access in [RegistryAccess::default(), with(Credentials::Token("other".into()))] {
        let error = pull(&lab, "m", access).unwrap_err();
        assert!(matches!(error, Error::Auth { .. }), "{error}");
        assert!(!error.to_string().contains("other"));
    }
}

#[test]
fn a_registry_that_asks_for_a_password_gets_it_at_once() {
    let lab = Lab::new();
    lab.publish("h.example/n/m", &weights(900, 1));
    lab.script(|request| match request.headers.get("authorization") {
        Some("Basic dTpw") => None,
        _ => answer(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], b""),
    });
    pull(&lab, "h.example/n/m", with(basic())).unwrap();
    let error = pull(&lab, "h.example/n/m", RegistryAccess::default()).unwrap_err();
    let wanted = "h.example refuses access: it wants a user and a password";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let lab = Lab::new();
    lab.publish("m", &weights(20_000, 1));
    let mut n = 0;
    lab.script(move |request| {
        n += 1;
        let said = request.headers.get("authorization").unwrap_or("").to_owned();
        match request.url.path() {
            "/token" => answer(200, &[], format!("{{\"access_token\":\"t{}\"}}", n / 6).as_bytes()),
            _ if said == format!("Bearer t{}", n / 6) => None,
            _ => answer(401, &[("WWW-Authenticate", REALM)], b""),
        }
    });
    // Every few requests it wants another one.
    let _ = pull(&lab, "m", RegistryAccess::default());
    assert!(lab.count("/token") > 1);
}

#[test]
fn tokens_that_are_no_headers_are_refused() {
    for reply in ["{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"\"}", "{\"token\":7}", "[", "{}"] {
        let lab = Lab::new();
        lab.publish("m", &weights(900, 1));
        lab.script(move |request| match request.url.path() {
            "/token" => answer(200, &[], reply.as_bytes()),
            _ => answer(401, &[("WWW-Authenticate", REALM)], b""),
        });
        let error = pull(&lab, "m", RegistryAccess::default()).unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{reply}: {error}");
    }
}

/// A realm elsewhere, on another port, over http: nothing is sent there.
#[test]
fn a_realm_elsewhere_is_told_nothing() {
    for realm in [
        "https://evil.example/t",
        "https://registry.ollama.ai:444/t",
        "http://registry.ollama.ai/t",
        "https://registry.ollama.ai.evil.example/t",
        "nothing",
    ] {
        let lab = Lab::new();
        lab.publish("m", &weights(900, 1));
        lab.script(move |_| {
            let challenge = format!("Bearer realm=\"{realm}\"");
            answer(401, &[("WWW-Authenticate", &challenge)], b"")
        });
        let error = pull(&lab, "m", with(basic())).unwrap_err();
        assert!(matches!(error, Error::Unsafe { .. }), "{error}");
        assert_eq!(lab.log.borrow().len(), 1);
    }
}

#[test]
fn a_redirect_elsewhere_takes_no_credentials_along() {
    let lab = Lab::new();
    lab.publish("m", &weights(9000, 1));
    lab.script(|request| {
        let is_home = request.url.host_str() == Some("registry.ollama.ai");
        let is_blob = request.url.path().contains("/blobs/");
        match (is_home, is_blob) {
            (true, true) => {
                let to = format!("https://cdn.example{}?signature=s", request.url.path());
                answer(307, &[("Location", &to)], b"")
            }
            _ => None,
        }
    });
    pull(&lab, "m", with(Credentials::Token("secret".into()))).unwrap();
    assert_told_nobody_but(&lab, "registry.ollama.ai");
    let log = lab.log.borrow();
    let elsewhere = log.iter().filter(|r| r.url.host_str() == Some("cdn.example"));
    let told: Vec<bool> = elsewhere.map(|request| request.allow_private).collect();
    assert!(told.len() > 3 && told.iter().all(|allow| !allow), "{told:?}");
}

#[test]
fn a_private_registry_may_lead_to_its_neighbors() {
    let lab = Lab::new();
    lab.publish("10.0.0.5:5000/n/m", &weights(900, 1));
    lab.script(|request| match request.url.port() {
        Some(5000) if request.url.path().contains("/blobs/") => {
            let to = format!("http://10.0.0.6:9000{}", request.url.path());
            answer(307, &[("Location", &to)], b"")
        }
        _ => None,
    });
    let access = RegistryAccess { insecure: true, ..RegistryAccess::default() };
    pull(&lab, "10.0.0.5:5000/n/m", access).unwrap();
    assert!(lab.log.borrow().iter().all(|request| request.url.scheme() == "http"));
}

struct Key;

impl KeySigner for Key {
    fn sign(&self, bytes: &[u8]) -> Result<Signed, String> {
        let signature = bytes.iter().rev().copied().collect();
        Ok(Signed { public_key: "AAAA".into(), signature })
    }

    fn nonce(&self) -> Result<String, String> {
        Ok("n0nce".into())
    }
}

/// A host without a key.
struct NoKey;

impl KeySigner for NoKey {
    fn sign(&self, _: &[u8]) -> Result<Signed, String> {
        Err("there is none: make one".into())
    }

    fn nonce(&self) -> Result<String, String> {
        Ok("n0nce".into())
    }
}

#[test]
fn a_key_that_is_missing_or_unknown_is_said() {
    let rows: [(Rc<dyn KeySigner>, &str); 2] = [
        (Rc::new(NoKey), "it wants the key of this machine, and there is none: make one"),
        (
            Rc::new(Key),
            "it does not accept the key of this machine for this model; add \"ssh-ed25519 AAAA\" \
             to the keys of your account there",
        ),
    ];
    for (key, reason) in rows {
        let lab = Lab::new();
        lab.publish("m", &weights(900, 1));
        guarded(&lab, "abc", Some("nothing that a key says"));
        let error = pull(&lab, "m", with(Credentials::Key(key))).unwrap_err();
        assert_eq!(error.to_string(), format!("registry.ollama.ai refuses access: {reason}"));
    }
}

#[test]
fn a_key_signs_the_request_for_a_token() {
    let lab = Lab::new();
    lab.publish("m", &weights(900, 1));
    guarded(&lab, "abc", None);
    pull(&lab, "m", with(Credentials::Key(Rc::new(Key)))).unwrap();
    let log = lab.log.borrow();
    let token = log.iter().find(|request| request.url.path() == "/token").unwrap();
    let query = token.url.query().unwrap();
    assert!(query.contains("ts=1767225600&nonce=n0nce"), "{query}");
    let proof = token.headers.get("authorization").unwrap();
    let (key, signature) = proof.split_once(':').unwrap();
    use base64::Engine as _;
    let signed = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
    let signed: Vec<u8> = signed.into_iter().rev().collect();
    // The digest of no body, in hexadecimal, in base64.
    let body =
        "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI5MzRjYTQ5NTk5MWI3ODUyYjg1NQ==";
    assert_eq!(key, "AAAA");
    assert_eq!(String::from_utf8(signed).unwrap(), format!("GET,{},{body}", token.url));
}
