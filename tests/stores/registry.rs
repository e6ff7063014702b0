//! Debian's `docker-registry`: somebody else's registry, on this machine.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use tests::scratch::Scratch;

/// A registry over a folder that goes with it.
pub struct Registry {
    pub address: String,
    child: Child,
    _folder: Scratch,
}

impl Registry {
    /// A registry on a free port; without the package, the test is skipped under its name.
    pub fn start(test: &str) -> Option<Registry> {
        let folder = Scratch::new();
        let root = folder.path("data");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: 'of this test'}}\n",
            root.display()
        );
        let config = folder.write("config.yml", text.as_bytes());
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            println!("SKIPPED {test}: no docker-registry on this machine");
            return None;
        };
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, heard) = channel();
        // It logs every request; somebody must read that, or it would wait.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let place = line.split("listening on ").nth(1);
                let place = place.and_then(|rest| rest.split(['"', ' ']).next());
                drop(place.map(|place| said.send(place.to_owned())));
            }
        });
        let address = heard.recv_timeout(Duration::from_secs(30)).expect("docker-registry starts");
        Some(Registry { address, child, _folder: folder })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
