//! What `ingle pull` says of a model before it comes: whether it fits this machine.
//!
//! It is said where the usual address is meant, and there the command starts a server for itself;
//! so the test needs that address, and is skipped where somebody has it.

use std::net::TcpListener;

use tests::scratch::Scratch;

use crate::models::{import, tiny};
use crate::program::{Run, ingle_env};
use crate::serve::Serve;

/// The usual address.
const ADDRESS: &str = "127.0.0.1:11434";

/// What is needed for what; what there is may change from one command to the next.
fn sum(said: &str) -> Option<&str> {
    let sentence = &said[said.find("Needs ")?..];
    let (_, sum) = sentence.split_once(": ")?;
    Some(&sum[..=sum.find(" working space")?])
}

#[test]
fn a_pull_says_first_whether_the_model_fits() {
    if TcpListener::bind(ADDRESS).is_err() {
        let test = "a_pull_says_first_whether_the_model_fits";
        println!("SKIPPED {test}: somebody listens at {ADDRESS}");
        return;
    }
    let scratch = Scratch::new();
    let (source, root) = (scratch.path("registry"), scratch.path("here"));
    import(&source, "me/tiny", tiny());
    let registry = Serve::start_with(&source, &["--registry"], &[]);
    let ingle = |args: &[&str]| -> Run {
        let [home, root] = [scratch.folder(), root.as_path()].map(|path| path.to_str().unwrap());
        ingle_env(args, &[("OLLAMA_HOST", ""), ("OLLAMA_MODELS", root), ("HOME", home)], b"")
    };
    let name = format!("{}/me/tiny", registry.address);
    let shown = ingle(&["show", &name, "--fit"]);
    let want = sum(shown.text()).unwrap_or_else(|| panic!("{}", shown.text()));
    let pulled = ingle(&["pull", "--insecure", &name]);
    assert_eq!((pulled.code, sum(&pulled.stderr)), (Some(0), Some(want)), "{}", pulled.stderr);
    // Of a model that is here nothing is asked; what cannot be looked at is the pull's to say.
    let again = ingle(&["pull", "--insecure", &name]);
    assert_eq!((again.code, sum(&again.stderr)), (Some(0), None), "{}", again.stderr);
    let missing = ingle(&["pull", "--insecure", &format!("{}/me/none", registry.address)]);
    assert_eq!(sum(&missing.stderr), None, "{}", missing.stderr);
    assert!(!matches!(missing.code, None | Some(0)), "{}", missing.stderr);
}
