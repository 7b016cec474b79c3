//! A client that compares the response with the expected bytes as it reads.

/// The interim response, which may precede a final response.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The beginning of every response, including the interim one.
const VERSION: &[u8] = b"HTTP/1.1 ";

/// The beginning of the boundary of a multipart body; 16 digits follow.
const BOUNDARY: &[u8] = b"stdhttpd-";

const BOUNDARY_DIGITS: usize = 16;

/// Replaces a digit of a boundary, which differs from run to run.
const ANY_DIGIT: u8 = 0;

/// A reader that knows the expected responses.
#[derive(Clone, Debug)]
pub struct Reader {
    expected: std::rc::Rc<[u8]>,
    at: usize,
    /// How many bytes of an interim response have arrived, once it is recognised as one.
    interim: usize,
}

/// `bytes` with the digits of boundaries replaced and without interim responses, as a [`Reader`]
/// expects them.
pub fn normalised(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        if rest.starts_with(CONTINUE) {
            rest = &rest[CONTINUE.len()..];
            continue;
        }
        if rest.starts_with(BOUNDARY) {
            out.extend_from_slice(BOUNDARY);
            out.extend([ANY_DIGIT; BOUNDARY_DIGITS]);
            rest = &rest[BOUNDARY.len() + BOUNDARY_DIGITS..];
            continue;
        }
        out.push(byte);
        rest = &rest[1..];
    }
    out
}

impl Reader {
    /// A reader that expects `expected`, which must be normalised.
    pub fn new(expected: std::rc::Rc<[u8]>) -> Reader {
        Reader {
            expected,
            at: 0,
            interim: 0,
        }
    }

    /// Whether everything has arrived.
    pub fn is_done(&self) -> bool {
        self.at == self.expected.len() && self.interim == 0
    }

    /// Compares the next bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let known = &self.expected[self.at..];
            if self.interim > 0 {
                if byte != CONTINUE[self.interim] {
                    return Err(self.difference(rest));
                }
                self.interim = (self.interim + 1) % CONTINUE.len();
            } else if known.len() >= rest.len() && known[..rest.len()] == *rest {
                self.at += rest.len();
                return Ok(());
            } else if known.first() == Some(&byte)
                || (known.first() == Some(&ANY_DIGIT) && byte.is_ascii_hexdigit())
            {
                self.at += 1;
            } else if byte == CONTINUE[VERSION.len()] && self.expected[..self.at].ends_with(VERSION)
            {
                self.at -= VERSION.len();
                self.interim = VERSION.len() + 1;
            } else if byte == CONTINUE[0] && known.is_empty() {
                // Where no final response is expected, only an interim response may come.
                self.interim = 1;
            } else {
                return Err(self.difference(rest));
            }
            rest = &rest[1..];
        }
        Ok(())
    }

    fn difference(&self, rest: &[u8]) -> String {
        let show = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
        format!(
            "at byte {} of {} expected\n  {}\nbut read\n  {}",
            self.at,
            self.expected.len(),
            show(&self.expected[self.at..]),
            show(rest)
        )
    }
}

#[test]
fn a_reader_reports_the_difference() {
    let expected = b"HTTP/1.1 206 x stdhttpd-0123456789abcdef HTTP/1.1 404 y".as_slice();
    let check = |written: &[u8], is_equal: bool| {
        let mut reader = Reader::new(normalised(expected).into());
        let whole = reader.take(written).is_ok() && reader.is_done();
        assert_eq!(whole, is_equal, "{}", written.escape_ascii());
        let mut reader = Reader::new(normalised(expected).into());
        let bytewise = written.chunks(1).all(|byte| reader.take(byte).is_ok());
        assert_eq!(bytewise && reader.is_done(), is_equal, "byte by byte");
    };
    let second = b"HTTP/1.1 206 x stdhttpd-fedcba9876543210 HTTP/1.1 404 y".as_slice();
    check(expected, true);
    check(second, true);
    check(&[CONTINUE, expected].concat(), true);
    check(&expected[..50], false);
    check(&[expected, b"z"].concat(), false);
    check(&[&expected[..54], b"z"].concat(), false);
    check(&[CONTINUE, &CONTINUE[..9], expected].concat(), false);
    check(&[expected, &CONTINUE[..7]].concat(), false);
}
