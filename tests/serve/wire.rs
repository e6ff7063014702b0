//! HTTP by hand: requests that may be wrong, answers that must be right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::server::PATIENCE;

/// One answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.text()))
    }

    /// The sentence of an error, in whichever family's form.
    pub fn error(&self) -> String {
        let error = &self.json()["error"];
        let text = error.as_str().or_else(|| error["message"].as_str());
        text.unwrap_or_else(|| panic!("no error in {}", self.text())).to_owned()
    }
}

/// A connection whose reads end.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A request with a right length; `headers` are whole lines.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Vec<u8> {
    let lines = headers.to_ascii_lowercase();
    let host = match lines.lines().any(|line| line.starts_with("host:")) {
        true => String::new(),
        false => format!("host: localhost:{}\r\n", address.port()),
    };
    let length = match (body.is_empty(), method) {
        (true, "GET" | "HEAD" | "OPTIONS") => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let head = format!("{method} {path} HTTP/1.1\r\n{host}{length}{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// Sends bytes and reads answers until the connection ends.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = connect(address);
    // A server that refuses early may close before all is sent.
    drop(stream.write_all(bytes));
    answers(&mut stream, bytes.starts_with(b"HEAD "))
}

/// All answers that still come on a connection.
pub fn answers(stream: &mut TcpStream, is_head: bool) -> Vec<Answer> {
    let mut reader = BufReader::new(stream);
    std::iter::from_fn(|| read_answer(&mut reader, is_head)).collect()
}

/// The next answer; `None` at the end of the connection.
pub fn read_answer(reader: &mut impl BufRead, is_head: bool) -> Option<Answer> {
    loop {
        let mut answer = read_head(reader)?;
        if answer.status == 100 {
            continue;
        }
        let length = answer.header("content-length").map(|length| length.parse().unwrap());
        if is_head || matches!(answer.status, 204 | 304) {
            return Some(answer);
        }
        answer.body = match (answer.header("transfer-encoding"), length) {
            (Some("chunked"), None) => {
                let mut body = Vec::new();
                while let Some(chunk) = read_chunk(reader) {
                    body.extend(chunk);
                }
                body
            }
            (None, Some(length)) => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("the body has its length");
                body
            }
            (None, None) => {
                let mut body = Vec::new();
                reader.read_to_end(&mut body).unwrap();
                body
            }
            other => panic!("two lengths: {other:?}"),
        };
        return Some(answer);
    }
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    // A reset is an end.
    let n = reader.read_until(b'\n', &mut line).unwrap_or(0);
    (n > 0).then(|| String::from_utf8(line).unwrap().trim_end().to_owned())
}

fn read_head(reader: &mut impl BufRead) -> Option<Answer> {
    let line = read_line(reader)?;
    let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
    let mut answer = Answer { status, ..Answer::default() };
    loop {
        let line = read_line(reader).expect("the head ends");
        let Some((name, value)) = line.split_once(':') else { return Some(answer) };
        answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A chunk; `None` at the last one.
fn read_chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let line = read_line(reader).expect("another chunk");
    let n = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("chunk size {line:?}"));
    let mut chunk = vec![0; n];
    reader.read_exact(&mut chunk).expect("a whole chunk");
    assert_eq!(read_line(reader).as_deref(), Some(""));
    (n > 0).then_some(chunk)
}

/// An answer that is read as it comes, line by line.
pub struct Lines {
    reader: BufReader<TcpStream>,
    pub status: u16,
    is_chunked: bool,
    buffer: Vec<u8>,
    has_ended: bool,
}

impl Lines {
    /// Sends a request and waits for the head of its answer.
    pub fn open(address: SocketAddr, request: &[u8]) -> Lines {
        let mut stream = connect(address);
        stream.write_all(request).unwrap();
        Lines::of(stream)
    }

    /// Of a connection on which a request was sent.
    pub fn of(stream: TcpStream) -> Lines {
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader).expect("an answer");
        let is_chunked = head.header("transfer-encoding") == Some("chunked");
        Lines { reader, status: head.status, is_chunked, buffer: Vec::new(), has_ended: false }
    }

    /// The next line that is not empty, without `data: ` before it; `None` at the end.
    pub fn next_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8(line).unwrap();
                match line.trim_end() {
                    "" => continue,
                    line => return Some(line.strip_prefix("data: ").unwrap_or(line).to_owned()),
                }
            }
            if self.has_ended {
                let rest = String::from_utf8(std::mem::take(&mut self.buffer)).unwrap();
                return (!rest.is_empty()).then_some(rest);
            }
            self.fill();
        }
    }

    /// The next object.
    pub fn next_json(&mut self) -> Option<Value> {
        let line = self.next_line()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}")))
    }

    fn fill(&mut self) {
        if self.is_chunked {
            match read_chunk(&mut self.reader) {
                Some(chunk) => self.buffer.extend(chunk),
                None => self.has_ended = true,
            }
            return;
        }
        let mut bytes = [0; 4096];
        let n = match self.reader.read(&mut bytes) {
            // Not the end: another test's signal. Whoever asks comes back.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return,
            read => read.unwrap_or(0),
        };
        self.has_ended = n == 0;
        self.buffer.extend(&bytes[..n]);
    }
}

/// The next `n` answers of a connection that stays open.
pub fn answers_of(stream: TcpStream, n: usize) -> Vec<Answer> {
    let mut reader = BufReader::new(stream);
    (0..n).map(|_| read_answer(&mut reader, false).expect("an answer")).collect()
}
