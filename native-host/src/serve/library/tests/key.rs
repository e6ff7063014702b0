//! The key of this machine: made once, kept to its owner, and accepted by a server that checks what
//! it signs; addresses as long as storage services sign them.

use std::sync::{Arc, Mutex};

use api::host::Library;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signature::Verifier;
use ssh_key::{Algorithm, PublicKey, Signature};
use store::{Credentials, Error, KeySigner, Name, RegistryAccess};

use super::super::key::MachineKey;
use super::lab::{create_tiny, library, run};
use super::registry::{Guard, Registry, Request};

const TOKEN: &str = "t0ken";

/// Gives a token to who signs as Ollama's clients do with a known key, and lets nobody in without.
fn guard(known: Arc<Mutex<Vec<String>>>) -> Guard {
    Box::new(move |request| {
        let said = request.headers.get("authorization").cloned().unwrap_or_default();
        let host = &request.headers["host"];
        if request.path == "/token" {
            let is_right =
                is_signed(request, &said).is_some_and(|key| known.lock().unwrap().contains(&key));
            return Some(match is_right {
                true => answer(200, "", &format!("{{\"token\":\"{TOKEN}\"}}")),
                false => answer(401, "", ""),
            });
        }
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"{host}\",\
             scope=\"repository:me/tiny:pull\"\r\n"
        );
        (said != format!("Bearer {TOKEN}")).then(|| answer(401, &challenge, ""))
    })
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {len}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The public key whose signature of this request stands there, if it is right.
fn is_signed(request: &Request, said: &str) -> Option<String> {
    let (public, signature) = said.split_once(':')?;
    let signature = Signature::new(Algorithm::Ed25519, STANDARD.decode(signature).ok()?).ok()?;
    let (host, query) = (&request.headers["host"], &request.query);
    // The SHA-256 of no body, in hexadecimal, in base64.
    let body = STANDARD.encode(store::Digest::of(b"").hex());
    let data = format!("GET,http://{host}/token?{query},{body}");
    let key = PublicKey::from_openssh(&format!("ssh-ed25519 {public}")).ok()?;
    let is_fresh = query.contains("ts=") && query.contains("nonce=");
    let is_right = is_fresh && key.key_data().verify(data.as_bytes(), &signature).is_ok();
    is_right.then(|| public.to_owned())
}

fn access(key: MachineKey) -> RegistryAccess {
    let credentials = Credentials::Key(std::rc::Rc::new(key));
    RegistryAccess { insecure: true, credentials, ..RegistryAccess::default() }
}

#[test]
fn a_token_is_given_for_a_signature_by_a_known_key() {
    let ((source, registry_library), (_b, other)) = (library(), library());
    run(create_tiny(&registry_library, "me/tiny"));
    let known: Arc<Mutex<Vec<String>>> = Arc::default();
    let registry = Registry::start_behind(source.path(), Some(guard(known.clone())));
    let name: Name = format!("{}/me/tiny", registry.address).parse().unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".ollama/id_ed25519");
    let pull = || run(other.client().pull(&name, access(MachineKey::new(&file)), |_| ()));
    // The key is made, and not known.
    let refused = pull().unwrap_err();
    let line = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    assert!(
        refused.to_string().contains(&format!("add \"{}\" to the keys", line.trim())),
        "{refused}"
    );
    known.lock().unwrap().push(line.trim().split(' ').nth(1).unwrap().to_owned());
    pull().unwrap();
    assert_eq!(run(other.list()).unwrap().len(), 1);
    // Without a key there is no way in.
    let none = RegistryAccess { insecure: true, ..RegistryAccess::default() };
    let refused = run(other.client().pull(&name, none, |_| ())).unwrap_err();
    assert!(matches!(refused, Error::Auth { .. }), "{refused}");
}

#[test]
fn a_key_is_made_once_and_kept_to_its_owner() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".ollama/id_ed25519");
    let keys: Vec<String> = std::thread::scope(|scope| {
        let make = || MachineKey::new(&file).sign(b"x").unwrap().public_key;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let names = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["id_ed25519", "id_ed25519.pub"]);
    let (a, b) = (MachineKey::new(&file).nonce().unwrap(), MachineKey::new(&file).nonce().unwrap());
    assert!(a.len() == 32 && a != b, "{a} {b}");
}

/// Makes a key with OpenSSH's own program; `None` where it is not installed.
fn ssh_keygen(file: &std::path::Path, kind: &str, passphrase: &str) -> Option<()> {
    let mut command = std::process::Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(file);
    command.status().ok().filter(std::process::ExitStatus::success).map(drop)
}

#[test]
fn keys_of_openssh_are_read_and_others_refused() {
    let home = tempfile::tempdir().unwrap();
    let of = |name: &str| {
        let signed = MachineKey::new(home.path().join(name)).sign(b"x");
        signed.map(|signed| signed.public_key)
    };
    for (name, kind, passphrase) in
        [("plain", "ed25519", ""), ("locked", "ed25519", "secret"), ("other", "ecdsa", "")]
    {
        if ssh_keygen(&home.path().join(name), kind, passphrase).is_none() {
            println!("SKIPPED keys_of_openssh_are_read_and_others_refused: no ssh-keygen");
            return;
        }
    }
    let line = std::fs::read_to_string(home.path().join("plain.pub")).unwrap();
    assert_eq!(of("plain").ok().as_deref(), line.split(' ').nth(1));
    std::fs::write(home.path().join("empty"), "").unwrap();
    let half = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";
    std::fs::write(home.path().join("half"), half).unwrap();
    for (name, why) in [
        ("locked", "is protected by a passphrase"),
        ("other", "is no ed25519 key"),
        ("empty", "is no ed25519 key"),
        ("half", "is no ed25519 key"),
        // Below a file no folder can be made.
        ("empty/key", "cannot be read"),
    ] {
        let said = of(name).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_redirect_of_eight_kib_is_followed_over_sockets() {
    let ((source, registry_library), (_b, other)) = (library(), library());
    run(create_tiny(&registry_library, "me/tiny"));
    let redirect: Guard = Box::new(|request| {
        let is_blob = request.path.contains("/blobs/");
        (is_blob && request.query.is_empty()).then(|| {
            let start = format!("http://{}{}?sig=", request.headers["host"], request.path);
            let signature = "s".repeat((8 << 10) - start.len());
            answer(307, &format!("location: {start}{signature}\r\n"), "")
        })
    });
    let registry = Registry::start_behind(source.path(), Some(redirect));
    let name: Name = format!("{}/me/tiny", registry.address).parse().unwrap();
    let access = RegistryAccess { insecure: true, ..RegistryAccess::default() };
    run(other.client().pull(&name, access, |_| ())).unwrap();
    assert_eq!(run(other.list()).unwrap().len(), 1);
}
