//! The smallest HTTP client that serves here: one request per connection, as HTTP/1.0, whose
//! answers need no decoding and end with their connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// Longest silence of a server: a debug build on a busy machine may need seconds for a model.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer whose head has come.
pub struct Answer {
    pub status: u16,
    reader: BufReader<TcpStream>,
}

/// Sends a request; the body is JSON where there is one.
pub fn ask(address: &str, method: &str, path: &str, body: &Value) -> std::io::Result<Answer> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = Upload::begin(address, method, path, body.len() as u64)?;
    request.write(body.as_bytes());
    request.answer()
}

/// Makes a model of a file as clients do: uploads it unless it is there, then names it. Gives the
/// last answer's status and last object. `half_way` is done when half of an upload was sent.
pub fn create(
    address: &str,
    name: &str,
    file: &[u8],
    half_way: impl FnOnce(),
) -> std::io::Result<(u16, Value)> {
    let digest = store::Digest::of(file).to_string();
    let path = format!("/api/blobs/{digest}");
    if ask(address, "HEAD", &path, &Value::Null)?.status != 200 {
        let mut upload = Upload::begin(address, "POST", &path, file.len() as u64)?;
        let (first, second) = file.split_at(file.len() / 2);
        upload.write(first);
        half_way();
        upload.write(second);
        let uploaded = upload.answer()?;
        if uploaded.status != 201 {
            return Ok((uploaded.status, uploaded.last()));
        }
    }
    let body = json!({"model": name, "files": {"a.gguf": digest}});
    let created = ask(address, "POST", "/api/create", &body)?;
    Ok((created.status, created.last()))
}

/// A request whose body is sent piece by piece.
struct Upload(TcpStream);

impl Upload {
    /// Sends the head of a request with a body of `len` bytes.
    fn begin(address: &str, method: &str, path: &str, len: u64) -> std::io::Result<Upload> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {len}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        Ok(Upload(stream))
    }

    /// Sends bytes of the body. A server that has answered already may take no more of them; its
    /// answer says why.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Waits for the answer's head.
    fn answer(self) -> std::io::Result<Answer> {
        let mut reader = BufReader::new(self.0);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no answer: {line:?}")))?;
        while !line.trim_end().is_empty() {
            line.clear();
            reader.read_line(&mut line)?;
        }
        Ok(Answer { status, reader })
    }
}

impl Answer {
    /// The whole body.
    pub fn text(mut self) -> std::io::Result<String> {
        let mut text = String::new();
        self.reader.read_to_string(&mut text)?;
        Ok(text)
    }

    /// The last object of the body.
    pub fn last(self) -> Value {
        self.lines().last().unwrap_or(Value::Null)
    }

    /// The body's lines, each of them JSON; a stream that breaks off lacks its last ones.
    pub fn lines(self) -> impl Iterator<Item = Value> {
        let lines = self.reader.lines().map_while(Result::ok);
        lines.map_while(|line| serde_json::from_str(&line).ok())
    }
}
