//! The key that Ollama's registry knows this machine by: `~/.ollama/id_ed25519`, an SSH key as
//! Ollama makes it, so that both programs are the same machine to it.
//!
//! It is read, and made where there is none, when a registry asks for it and not at the start: most
//! machines never push. A new key appears under its name whole and only if nothing lies there, so
//! two processes that make one at the same moment agree.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use signature::Signer;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use store::{KeySigner, Signed};

/// Most bytes of a key file; one of this kind has 400.
const KEY_BYTES: u64 = 64 << 10;
/// Random bytes of a nonce.
const NONCE_BYTES: usize = 16;

/// The key in this file.
#[derive(Debug)]
pub struct MachineKey(PathBuf);

impl MachineKey {
    /// The key in this file, which is made when it is needed first.
    pub fn new(file: impl Into<PathBuf>) -> MachineKey {
        MachineKey(file.into())
    }

    fn load(&self) -> Result<Ed25519Keypair, String> {
        let shown = self.0.display();
        let read = match read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make().map_err(|error| {
                    format!("none could be made at {shown} ({error}); make that folder writable")
                })?;
                read(&self.0)
            }
            read => read,
        };
        let text = read.map_err(|error| format!("{shown} cannot be read ({error})"))?;
        let no_key =
            |why: String| format!("{shown} is no ed25519 key in OpenSSH's form{why}; move it away");
        let key = PrivateKey::from_openssh(&text).map_err(|error| no_key(format!(" ({error})")))?;
        match key.key_data() {
            KeypairData::Ed25519(pair) => Ok(pair.clone()),
            _ if key.is_encrypted() => Err(format!(
                "{shown} is protected by a passphrase, which nobody is asked for here; take it \
                 off with ssh-keygen -p"
            )),
            _ => Err(no_key(String::new())),
        }
    }

    /// Makes a key and its public half beside it.
    fn make(&self) -> std::io::Result<()> {
        let pair = Ed25519Keypair::from_seed(&random()?);
        let key = PrivateKey::from(pair);
        let private = key.to_openssh(LineEnding::LF).map_err(std::io::Error::other)?;
        let public = key.public_key().to_openssh().map_err(std::io::Error::other)?;
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let unnamed = self.0.with_extension(hex(&random::<8>()?));
        let named = write_private(&unnamed, private.as_bytes())
            // Unlike a rename, a link takes no other key's place.
            .and_then(|()| fs::hard_link(&unnamed, &self.0));
        // What is left of a failure has no name that anybody looks for.
        let _ = fs::remove_file(&unnamed);
        match named {
            Ok(()) => fs::write(self.0.with_extension("pub"), format!("{public}\n")),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl KeySigner for MachineKey {
    fn sign(&self, bytes: &[u8]) -> Result<Signed, String> {
        let pair = self.load()?;
        let public = ssh_key::PublicKey::from(pair.public).to_openssh();
        let public =
            public.map_err(|error| format!("its public half cannot be shown ({error})"))?;
        let public_key = public.split(' ').nth(1).unwrap_or_default().to_owned();
        let signed = KeypairData::from(pair).try_sign(bytes);
        let signature = signed.map_err(|error| format!("it cannot sign ({error})"))?;
        Ok(Signed { public_key, signature: signature.as_bytes().to_vec() })
    }

    fn nonce(&self) -> Result<String, String> {
        let bytes: [u8; NONCE_BYTES] =
            random().map_err(|error| format!("this system gives no random numbers ({error})"))?;
        Ok(hex(&bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?.take(KEY_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Random bytes that nobody can guess.
fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// Writes a new file that only its owner can read, and makes it durable.
fn write_private(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(place)?;
    file.write_all(bytes)?;
    file.sync_all()
}
