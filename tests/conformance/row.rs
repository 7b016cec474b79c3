//! Rules, the rows that test them, and short constructors for both.

/// One rule of the protocol.
pub struct Rule {
    /// The rule as a sentence.
    pub text: &'static str,
    /// The section of the RFC that the rule comes from.
    pub section: &'static str,
    /// The rows that test it.
    pub rows: Vec<Row>,
    /// Other tests of the rule, as `file: function`.
    pub tests: &'static [&'static str],
}

/// An input, and the expected response and state of the connection.
pub struct Row {
    /// What the client sends.
    pub sent: Vec<u8>,
    /// The status of the response; several if more than one is valid, none if no response is
    /// expected.
    pub statuses: Vec<u16>,
    /// The expected state of the connection.
    pub after: After,
    /// Whether `100 (Continue)` is expected once only the head has arrived.
    pub continues: bool,
    /// Expected fields of the response: the value, or `None` if the field must be absent.
    pub fields: Vec<(&'static str, Option<&'static str>)>,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It stays open, and the next request is answered.
    Kept,
    /// It is closed, and the following bytes are not parsed.
    Closed,
    /// The request is incomplete: no response until the time-out, then 408.
    Waits,
    /// No request has begun: closed at the time-out without a response.
    WaitsSilently,
}

impl After {
    /// The text for this in the document.
    pub fn word(self) -> &'static str {
        match self {
            After::Kept => "open",
            After::Closed => "closed",
            After::Waits => "closed after the time-out",
            After::WaitsSilently => "closed after the time-out, no response",
        }
    }
}

/// A rule with its rows.
pub fn rule(text: &'static str, section: &'static str, rows: Vec<Row>) -> Rule {
    Rule {
        text,
        section,
        rows,
        tests: &[],
    }
}

impl Rule {
    /// Adds other tests of the rule.
    pub fn also(mut self, tests: &'static [&'static str]) -> Rule {
        self.tests = tests;
        self
    }
}

fn row(status: u16, sent: impl AsRef<[u8]>, after: After) -> Row {
    Row {
        sent: sent.as_ref().to_vec(),
        statuses: vec![status],
        after,
        continues: false,
        fields: Vec::new(),
    }
}

/// Answered, and the connection stays open.
pub fn kept(status: u16, sent: impl AsRef<[u8]>) -> Row {
    row(status, sent, After::Kept)
}

/// Answered, and the connection is closed.
pub fn closed(status: u16, sent: impl AsRef<[u8]>) -> Row {
    row(status, sent, After::Closed)
}

/// Rejected as malformed.
pub fn bad(sent: impl AsRef<[u8]>) -> Row {
    closed(400, sent)
}

/// A valid request for a file, with a 200 response.
pub fn fine(sent: impl AsRef<[u8]>) -> Row {
    kept(200, sent)
}

/// An incomplete request.
pub fn waits(sent: impl AsRef<[u8]>) -> Row {
    row(408, sent, After::Waits)
}

/// An input in which no request has begun.
pub fn waits_silently(sent: impl AsRef<[u8]>) -> Row {
    Row {
        statuses: Vec::new(),
        ..row(0, sent, After::WaitsSilently)
    }
}

impl Row {
    /// Expects `100 (Continue)` first if the client waits for it.
    pub fn continues(mut self) -> Row {
        self.continues = true;
        self
    }

    /// Expects a field with this value in the response.
    pub fn says(mut self, name: &'static str, value: &'static str) -> Row {
        self.fields.push((name, Some(value)));
        self
    }

    /// Expects that the response does not have this field.
    pub fn lacks(mut self, name: &'static str) -> Row {
        self.fields.push((name, None));
        self
    }

    /// Whether the request is a HEAD request, so that the response has no content.
    pub fn is_head(&self) -> bool {
        let sent = self.sent.strip_prefix(b"\r\n").unwrap_or(&self.sent);
        sent.starts_with(b"HEAD ")
    }

    /// Checks the status and the fields of a response.
    pub fn check_answer<'f>(
        &self,
        status: u16,
        field: impl Fn(&str) -> Option<&'f str>,
    ) -> Result<(), String> {
        if !self.statuses.contains(&status) {
            return Err(format!("status {status}, expected {:?}", self.statuses));
        }
        for &(name, value) in &self.fields {
            if field(name) != value {
                return Err(format!("{name} is {:?}, expected {value:?}", field(name)));
            }
        }
        Ok(())
    }
}

/// The bytes in readable form, without the middle if there are many.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const ENDS_MAX: usize = 60;
        let show = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\'", "'");
        if self.sent.len() <= 4 * ENDS_MAX {
            return f.write_str(&show(&self.sent));
        }
        let (start, rest) = self.sent.split_at(ENDS_MAX);
        let end = &rest[rest.len() - ENDS_MAX / 2..];
        write!(
            f,
            "{} ... {} ({} bytes)",
            show(start),
            show(end),
            self.sent.len()
        )
    }
}

/// A GET request for the small file with additional field lines, each with its CRLF.
pub fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    head("GET /a.txt HTTP/1.1", fields)
}

/// A head with this request line, a valid `Host` and additional field lines.
pub fn head(line: impl AsRef<[u8]>, fields: impl AsRef<[u8]>) -> Vec<u8> {
    let (line, fields) = (line.as_ref(), fields.as_ref());
    [line, b"\r\nHost: a\r\n", fields, b"\r\n"].concat()
}

/// A head with only this request line and a valid `Host`.
pub fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    head(line, "")
}

/// A GET request with this target.
pub fn target(target: impl AsRef<[u8]>) -> Vec<u8> {
    line([b"GET ", target.as_ref(), b" HTTP/1.1"].concat())
}

/// A GET request whose only field is this `Host`.
pub fn host(value: impl AsRef<[u8]>) -> Vec<u8> {
    [
        b"GET /a.txt HTTP/1.1\r\nHost: ",
        value.as_ref(),
        b"\r\n\r\n",
    ]
    .concat()
}

/// A POST request with additional field lines and a body.
pub fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [&head("POST /a.txt HTTP/1.1", fields), body.as_ref()].concat()
}

/// A POST request with a body that is already in the chunked coding.
pub fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}
