//! A rule, the rows that show it, and the short ways to write them.

/// One rule of the protocol, in a sentence.
pub struct Rule {
    /// The sentence.
    pub text: &'static str,
    /// Where it is written.
    pub section: &'static str,
    /// What shows it, in rows of this table.
    pub rows: Vec<Row>,
    /// Other tests that show it, as `file: function`.
    pub tests: &'static [&'static str],
}

/// Bytes in, status out, and what becomes of the connection.
pub struct Row {
    /// What the client sends.
    pub sent: Vec<u8>,
    /// The status it gets; valid alternatives, if there are any.
    pub statuses: Vec<u16>,
    /// What becomes of the connection.
    pub after: After,
    /// Whether `100 (Continue)` comes when only the head has arrived.
    pub continues: bool,
    /// Fields of the answer: the value, or `None` where it must be absent.
    pub fields: Vec<(&'static str, Option<&'static str>)>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The next request on it is answered.
    Kept,
    /// It closes, and what follows is never parsed.
    Closed,
    /// The request is incomplete: unanswered until its deadline, then 408.
    Waits,
    /// No byte of a request has come: closed at its deadline without a response.
    WaitsSilently,
}

impl After {
    /// The word for it in the document.
    pub fn word(self) -> &'static str {
        match self {
            After::Kept => "kept",
            After::Closed => "closed",
            After::Waits => "waits, then closed",
            After::WaitsSilently => "waits, then closed unanswered",
        }
    }
}

/// A rule that rows show.
pub fn rule(text: &'static str, section: &'static str, rows: Vec<Row>) -> Rule {
    Rule {
        text,
        section,
        rows,
        tests: &[],
    }
}

impl Rule {
    /// Names tests elsewhere that show it too.
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

/// Answered, and the connection lives on.
pub fn kept(status: u16, sent: impl AsRef<[u8]>) -> Row {
    row(status, sent, After::Kept)
}

/// Answered, and that was the last answer.
pub fn closed(status: u16, sent: impl AsRef<[u8]>) -> Row {
    row(status, sent, After::Closed)
}

/// Refused as malformed.
pub fn bad(sent: impl AsRef<[u8]>) -> Row {
    closed(400, sent)
}

/// Well-formed, and of no further interest.
pub fn fine(sent: impl AsRef<[u8]>) -> Row {
    kept(200, sent)
}

/// Incomplete.
pub fn waits(sent: impl AsRef<[u8]>) -> Row {
    row(408, sent, After::Waits)
}

/// Nothing of a request.
pub fn waits_silently(sent: impl AsRef<[u8]>) -> Row {
    Row {
        statuses: Vec::new(),
        ..row(0, sent, After::WaitsSilently)
    }
}

impl Row {
    /// `100 (Continue)` comes first where the client waits for it.
    pub fn continues(mut self) -> Row {
        self.continues = true;
        self
    }

    /// The answer says this.
    pub fn says(mut self, name: &'static str, value: &'static str) -> Row {
        self.fields.push((name, Some(value)));
        self
    }

    /// The answer does not have this field.
    pub fn lacks(mut self, name: &'static str) -> Row {
        self.fields.push((name, None));
        self
    }

    /// Whether the answer comes without its content.
    pub fn is_head(&self) -> bool {
        let sent = self.sent.strip_prefix(b"\r\n").unwrap_or(&self.sent);
        sent.starts_with(b"HEAD ")
    }

    /// Whether an answer's status and fields are those expected.
    pub fn check_answer<'f>(
        &self,
        status: u16,
        field: impl Fn(&str) -> Option<&'f str>,
    ) -> Result<(), String> {
        if !self.statuses.contains(&status) {
            return Err(format!("status {status}, not {:?}", self.statuses));
        }
        for &(name, value) in &self.fields {
            if field(name) != value {
                return Err(format!("{name} is {:?}, not {value:?}", field(name)));
            }
        }
        Ok(())
    }
}

/// A row as a person reads it: its bytes, the middle of long ones left out.
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

/// GET of the small file with further field lines, each ended by CRLF.
pub fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    head("GET /a.txt HTTP/1.1", fields)
}

/// A head with this line, a valid `Host` and further field lines.
pub fn head(line: impl AsRef<[u8]>, fields: impl AsRef<[u8]>) -> Vec<u8> {
    let (line, fields) = (line.as_ref(), fields.as_ref());
    [line, b"\r\nHost: a\r\n", fields, b"\r\n"].concat()
}

/// A head that is nothing but this line and a valid `Host`.
pub fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    head(line, "")
}

/// GET of this target.
pub fn target(target: impl AsRef<[u8]>) -> Vec<u8> {
    line([b"GET ", target.as_ref(), b" HTTP/1.1"].concat())
}

/// GET with this `Host` alone.
pub fn host(value: impl AsRef<[u8]>) -> Vec<u8> {
    [
        b"GET /a.txt HTTP/1.1\r\nHost: ",
        value.as_ref(),
        b"\r\n\r\n",
    ]
    .concat()
}

/// POST with further field lines and a body.
pub fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [&head("POST /a.txt HTTP/1.1", fields), body.as_ref()].concat()
}

/// POST of a chunked body, as it goes over the wire.
pub fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}
