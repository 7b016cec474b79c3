use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::io::Errno;

use super::*;
use crate::{
    config::SiteOptions,
    files::{Found, MEMORY_BYTES_MAX, Site, Turn},
    http::{content_coding::AcceptEncoding, target::RequestPath},
};

/// A file that is sent from memory, and one that is sent from its descriptor.
struct Files {
    root: tempfile::TempDir,
    memory: Selected,
    file: Selected,
    content: Vec<u8>,
}

const MEMORY_BYTES: usize = 20_000;
const FILE_BYTES: usize = MEMORY_BYTES_MAX as usize + 90_000;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn files() -> Files {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("memory"), content(MEMORY_BYTES)).unwrap();
    std::fs::write(root.path().join("file"), content(FILE_BYTES)).unwrap();
    let options = SiteOptions {
        root: root.path().to_path_buf(),
        ..SiteOptions::default()
    };
    let view = Site::open(&options).unwrap().view();
    let find = |path: &str| {
        let path = RequestPath::new(path).unwrap();
        match view.find(&path, AcceptEncoding::IDENTITY, Turn(1)) {
            Ok(Found::File(selected)) => selected,
            other => panic!("{other:?}"),
        }
    };
    let (memory, file) = (find("/memory"), find("/file"));
    assert!(matches!(memory.content, Content::Memory(_)));
    assert!(matches!(file.content, Content::File(_)));
    Files {
        root,
        memory,
        file,
        content: content(FILE_BYTES),
    }
}

/// A transport that accepts at most the given number of bytes in each call, then
/// nothing.
#[derive(Default)]
struct Taker {
    takes: VecDeque<usize>,
    taken: Vec<u8>,
    /// `more` of each write.
    mores: Vec<bool>,
    fails: Option<Errno>,
}

impl Taker {
    fn new(takes: &[usize]) -> Taker {
        Taker {
            takes: takes.iter().copied().collect(),
            ..Taker::default()
        }
    }

    fn next(&mut self) -> io::Result<usize> {
        if let Some(errno) = self.fails {
            return Err(errno.into());
        }
        match self.takes.pop_front() {
            Some(bytes) => Ok(bytes),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Transport for Taker {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!()
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        assert!(buffers.iter().all(|buffer| !buffer.is_empty()));
        self.mores.push(more);
        let all: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.to_vec()).collect();
        let count = self.next()?.min(all.len());
        self.taken.extend_from_slice(&all[..count]);
        Ok(count)
    }

    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let mut piece = vec![0; self.next()?.min(count)];
        let read = file.read_at(&mut piece, offset)?;
        self.taken.extend_from_slice(&piece[..read]);
        Ok(read)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        unreachable!()
    }

    fn reset_on_close(&mut self) {}
}

/// A piece of output.
#[derive(Clone, Debug)]
enum Piece {
    Text(&'static str),
    Memory(Range<u64>),
    File(Range<u64>),
    Response(usize),
}
use Piece::*;

fn queue(pieces: &[Piece], files: &Files) -> (Output, Vec<u8>) {
    let mut output = Output::default();
    let mut expected = Vec::new();
    for piece in pieces {
        let (selected, range) = match piece {
            Text(text) => {
                output.bytes.extend_from_slice(text.as_bytes());
                expected.extend_from_slice(text.as_bytes());
                continue;
            }
            Response(length) => {
                let response = files.content[..*length].to_vec();
                output.push_response(&Arc::new(response));
                expected.extend_from_slice(&files.content[..*length]);
                continue;
            }
            Memory(range) => (&files.memory, range),
            File(range) => (&files.file, range),
        };
        output.push_part(selected, range.clone());
        expected.extend_from_slice(&files.content[range.start as usize..range.end as usize]);
    }
    (output, expected)
}

/// Sends `pieces` to a transport that accepts `takes` bytes in each call. Between
/// writes the unsent rest is taken over, as a connection does.
#[track_caller]
fn check(pieces: &[Piece], takes: usize, allowance: usize, files: &Files) {
    let (mut output, expected) = queue(pieces, files);
    let mut taker = Taker::default();
    let mut left = expected.len();
    for _ in 0..1_000_000 {
        assert_eq!(output.left(), left as u64, "{pieces:?}");
        taker.takes = [takes, takes].into();
        let mut rest = allowance;
        let before = taker.taken.len();
        let flow = output.write_to(&mut taker, &mut rest).unwrap();
        let sent = taker.taken.len() - before;
        assert_eq!(allowance - rest, sent, "{pieces:?}: counted");
        left -= sent;
        match flow {
            Flow::Done => {
                assert!(output.is_empty() && !output.has_parts() && output.left() == 0);
                assert!(
                    taker.taken == expected,
                    "{pieces:?} by {takes}: other bytes"
                );
                return;
            }
            Flow::Blocked => assert!(rest > 0 || left > 0, "{pieces:?}: blocked by nothing"),
            Flow::Paused => {
                let has_file = pieces.iter().any(|piece| matches!(piece, File(_)));
                assert!(rest == 0 || has_file, "{pieces:?}: paused with allowance");
                assert!(sent > 0, "{pieces:?}: paused over nothing");
            }
        }
        let mut taken_over = output.take_rest();
        assert!(output.is_empty() && output.left() == 0);
        std::mem::swap(&mut output, &mut taken_over);
    }
    panic!("{pieces:?}: never done");
}

#[test]
fn output_is_sent_in_order_however_writes_are_cut_short() {
    let files = files();
    let table: &[&[Piece]] = &[
        &[],
        &[Text("head")],
        &[
            Text("head"),
            Memory(0..10),
            Text("head"),
            Memory(5..5),
            Text("end"),
        ],
        &[Text("head"), Memory(0..MEMORY_BYTES as u64)],
        &[
            Memory(100..9_000),
            Text("between"),
            Memory(0..5_000),
            Text("end"),
        ],
        &[
            Text("head"),
            File(0..3),
            Text("between"),
            File(70_000..79_000),
            Text("end"),
        ],
        &[
            File(FILE_BYTES as u64 - 7..FILE_BYTES as u64),
            Memory(0..4_097),
        ],
        &[Memory(0..5_000), File(1..2), Memory(0..5_000), Text("end")],
        &[Response(100), Text("head"), Response(9_000), Text("end")],
        &[Response(9_000), Response(100), Memory(0..10)],
    ];
    for pieces in table {
        let is_small = queue(pieces, &files).1.len() < 5_000;
        let takes = [1, 2, 7, 63, 500, 4_096, 5_000, usize::MAX];
        for takes in takes.into_iter().skip(if is_small { 0 } else { 3 }) {
            check(pieces, takes, usize::MAX, &files);
            check(pieces, takes, 1_000, &files);
        }
    }
    // More buffers than one call takes, and a file of more than one piece.
    let many: Vec<Piece> = (0..60).map(|at| Memory(at..at + 4_200)).collect();
    check(&many, usize::MAX, usize::MAX, &files);
    check(&many, 9_999, 50_000, &files);
    let large = [Text("head"), File(0..FILE_BYTES as u64)];
    check(&large, 70_000, 1 << 20, &files);
}

#[test]
fn more_is_set_when_a_file_or_the_fin_follows() {
    let files = files();
    let check = |pieces: &[Piece], is_last: bool, mores: &[bool]| {
        let (mut output, _) = queue(pieces, &files);
        output.is_last = is_last;
        let mut taker = Taker::new(&[usize::MAX; 9]);
        let flow = output.write_to(&mut taker, &mut { usize::MAX });
        assert!(matches!(flow, Ok(Flow::Done)));
        assert_eq!(taker.mores, mores, "{pieces:?}");
        assert!(!output.is_last, "the next output is another connection's");
    };
    check(&[Text("head")], false, &[false]);
    check(&[Text("head")], true, &[true]);
    check(
        &[Text("head"), Memory(0..9_000), Text("head")],
        false,
        &[false],
    );
    check(&[Text("head"), File(0..9_000)], false, &[true]);
    check(
        &[Text("head"), File(0..9_000), Text("head")],
        false,
        &[true, false],
    );
    check(&[File(0..9_000), Text("head")], true, &[true]);
    // A small part is copied.
    check(&[Text("head"), File(0..9)], false, &[false]);
}

#[test]
fn a_short_write_from_memory_blocks_and_one_from_a_file_pauses() {
    let files = files();
    let check = |pieces: &[Piece], takes: &[usize], expected: Flow, calls_left: usize| {
        let (mut output, _) = queue(pieces, &files);
        let mut taker = Taker::new(takes);
        let flow = output.write_to(&mut taker, &mut { usize::MAX });
        assert_eq!(flow.unwrap(), expected, "{pieces:?}");
        assert_eq!(taker.takes.len(), calls_left, "{pieces:?} {takes:?}");
    };
    check(&[Text("head")], &[3, 9], Flow::Blocked, 1);
    check(&[Text("head")], &[], Flow::Blocked, 0);
    check(&[File(0..9_900)], &[3, 9, 5], Flow::Paused, 2);
    check(&[File(0..9_900)], &[], Flow::Blocked, 0);
    check(&[Text("head"), File(0..9_900)], &[4, 9], Flow::Paused, 0);
    check(&[Text("head"), File(0..9_900)], &[4], Flow::Blocked, 0);
}

#[test]
fn a_file_slightly_larger_than_a_window_is_sent_in_two_pieces() {
    let files = files();
    let check = |file: Range<u64>, left: &[u64]| {
        let (mut output, expected) = queue(&[Text("head"), File(file.clone())], &files);
        let mut taker = Taker::default();
        for (turn, &left) in left.iter().enumerate() {
            taker.takes = [usize::MAX; 9].into();
            let flow = output.write_to(&mut taker, &mut { usize::MAX }).unwrap();
            let expected = if left == 0 { Flow::Done } else { Flow::Paused };
            assert_eq!(flow, expected, "{file:?}, turn {turn}");
            assert_eq!(output.left(), left, "{file:?}, turn {turn}");
        }
        assert!(taker.taken == expected, "{file:?}: other bytes");
    };
    const ONE: u64 = WINDOW_PIECE_BYTES;
    check(0..WINDOW_BYTES, &[0]);
    check(0..WINDOW_BYTES + 1, &[WINDOW_BYTES + 1 - ONE, 0]);
    check(0..2 * ONE, &[ONE, 0]);
    check(0..2 * ONE + 1, &[0]);
    // A range that does not begin at 0 is sent in one piece.
    check(1..WINDOW_BYTES + 2, &[0]);
}

#[test]
fn copy_to_copies_output_that_lies_in_memory() {
    let files = files();
    let check = |pieces: &[Piece], bytes_max: usize, is_copied: bool| {
        let (output, expected) = queue(pieces, &files);
        let mut copy = Vec::new();
        let copied = output.copy_to(&mut copy, bytes_max);
        assert_eq!(copied, is_copied, "{pieces:?}");
        assert!(!is_copied || copy == expected, "{pieces:?}: other bytes");
    };
    check(&[], 0, true);
    check(&[Text("head")], 4, true);
    check(&[Text("head")], 3, false);
    let parts = [Text("head"), Memory(5..9_000), Memory(0..9), Text("end")];
    check(&parts, 4 + 8_995 + 9 + 3, true);
    check(&parts, 4 + 8_995 + 9 + 2, false);
    check(&[Response(9_000)], 9_000, true);
    // A small part of a file is copied when it is queued.
    check(&[Text("head"), File(0..9)], 100, true);
    check(&[Text("head"), File(0..9_000)], 10_000, false);
}

#[test]
fn a_failure_is_attributed_to_the_transport_or_the_file() {
    let files = files();
    let check = |fails: Option<Errno>, pieces: &[Piece], expected: &str| {
        let (mut output, _) = queue(pieces, &files);
        let mut taker = Taker::new(&[usize::MAX; 9]);
        taker.fails = fails;
        let error = output
            .take_rest()
            .write_to(&mut taker, &mut { usize::MAX })
            .unwrap_err();
        let whose = match error {
            WriteError::Transport(_) => "transport",
            WriteError::FileChanged => "changed",
            WriteError::File(_) => "file",
        };
        assert_eq!(whose, expected, "{pieces:?}");
        assert!(b"head".starts_with(&taker.taken), "{pieces:?}");
    };
    let gone = Some(Errno::PIPE);
    check(gone, &[Text("head")], "transport");
    check(gone, &[File(0..9_000)], "transport");
    check(Some(Errno::IO), &[File(0..9_000)], "file");
    let at = files.root.path().join("file");
    File::options()
        .write(true)
        .open(&at)
        .unwrap()
        .set_len(100)
        .unwrap();
    check(None, &[Text("head"), File(1..9_000)], "changed");
    check(None, &[File(0..9_000)], "changed");
    check(None, &[File(500..9_000)], "changed");
    // One that would have been copied.
    check(None, &[Text("head"), File(500..600)], "changed");
}

#[test]
fn a_file_rewritten_before_its_first_piece_is_not_sent() {
    for range in [0..FILE_BYTES as u64, 0..9_000, 5_000..FILE_BYTES as u64] {
        let files = files();
        let (mut output, _) = queue(&[Text("head"), File(range)], &files);
        let mut taker = Taker::new(&[4]);
        let flow = output.write_to(&mut taker, &mut { usize::MAX });
        assert!(matches!(flow, Ok(Flow::Blocked)), "{flow:?}");
        std::fs::write(files.root.path().join("file"), vec![b'n'; FILE_BYTES]).unwrap();
        taker.takes = [usize::MAX].into();
        let flow = output.take_rest().write_to(&mut taker, &mut { 9_999 });
        assert!(matches!(flow, Err(WriteError::FileChanged)), "{flow:?}");
        assert_eq!(taker.taken, b"head");
    }
}

#[test]
fn an_unusually_large_buffer_is_freed() {
    let mut output = Output::default();
    output.bytes.resize(KEPT_BYTES_MAX / 2, 0);
    output.clear();
    assert!(output.bytes.capacity() >= KEPT_BYTES_MAX / 2);
    output.bytes.resize(2 * KEPT_BYTES_MAX, 0);
    output.clear();
    assert_eq!(output.bytes.capacity(), 0);
}
