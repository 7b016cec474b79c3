//! A small HTTP/1.1 client on a blocking socket. It shares no code with the server, so that it can
//! verify the server's responses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the client waits for a byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// One complete response.
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header lines, with their names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of the field `name` (in lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the server announced that it closes the connection.
    pub fn closes(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A persistent connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    /// Connects to `address`.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            host: address,
        })
    }

    /// Sends one GET request with the additional header `lines` and reads its response.
    pub fn get(&mut self, path: &str, lines: &[&str]) -> io::Result<Reply> {
        self.send(&[path], lines)?;
        self.receive()
    }

    /// Sends one GET request for each of `paths`, all in one write.
    pub fn send(&mut self, paths: &[&str], lines: &[&str]) -> io::Result<()> {
        let mut text = String::new();
        for path in paths {
            text.push_str(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.host));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("{line}\r\n")));
            text.push_str("\r\n");
        }
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Reads the next response.
    pub fn receive(&mut self) -> io::Result<Reply> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| broken("status line"))?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("header line"))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply {
            status,
            fields,
            body: Vec::new(),
        };
        if status != 304 {
            let length = reply
                .field("content-length")
                .and_then(|text| text.parse().ok());
            reply
                .body
                .resize(length.ok_or_else(|| broken("Content-Length"))?, 0);
            self.stream.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// Waits until the server closes the connection, then closes it too.
    pub fn finish(mut self) -> io::Result<()> {
        let rest = self.stream.read_to_end(&mut Vec::new())?;
        if rest == 0 {
            Ok(())
        } else {
            Err(broken("end: bytes after the last response"))
        }
    }

    /// The socket, for uses that need no buffer.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.strip_suffix("\r\n")
            .map(str::to_owned)
            .ok_or_else(|| broken("line"))
    }
}

/// One GET request on a connection of its own.
pub fn fetch(address: SocketAddr, path: &str, lines: &[&str]) -> io::Result<Reply> {
    Connection::open(address)?.get(path, lines)
}

/// Requests each of the files `FOLDER/0` to `FOLDER/COUNT-1` once, to fill the caches of the
/// server.
pub fn fetch_all(address: SocketAddr, folder: &str, count: usize) -> io::Result<()> {
    let mut connection = Connection::open(address)?;
    for number in 0..count {
        let reply = connection.get(&format!("{folder}/{number}"), &[])?;
        if reply.status != 200 {
            return Err(io::Error::other(format!(
                "{folder}/{number}: status {}",
                reply.status
            )));
        }
        if reply.closes() {
            connection = Connection::open(address)?;
        }
    }
    Ok(())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the response has no valid {what}"),
    )
}
