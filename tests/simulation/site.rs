//! The directory that the scripted clients request, and a context to serve it from.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use stdhttpd::{
    config::{Config, Moment},
    connection::{
        Connection, Identity,
        context::{Clock, Context},
    },
    files::Site,
    http::date::HttpDate,
    observe::counters::Counters,
};

use crate::script::{Script, Wire};

/// A file cached in memory, larger than what is copied after its head.
pub const CACHED_BYTES: usize = 15_000;

/// A file sent from its descriptor.
pub const LARGE_BYTES: usize = (1 << 20) + 70_001;

/// Entries of a directory that is listed in pieces.
const MANY: usize = 300;

/// A file may be cached if it has not changed for this long.
const SETTLED: Duration = Duration::from_millis(50);

/// A directory with files, and the configuration to serve it.
pub struct Ground {
    pub root: tempfile::TempDir,
    site: Arc<Site>,
    config: Config,
    /// The start time of the test's clock.
    pub started: Moment,
    /// The date of responses, the same for all that are compared. It is not in the future, so the
    /// clock does not seem to be set back when it is read.
    date: HttpDate,
}

impl Ground {
    /// Creates the directory, and applies `change` to the default configuration.
    pub fn new(change: impl FnOnce(&mut Config)) -> Ground {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(root.path().join(name), bytes).unwrap();
        };
        write("a.txt", b"alpha\n");
        write("empty.txt", b"");
        write(
            "b.html",
            "<!DOCTYPE html><p>beta</p>\n".repeat(40).as_bytes(),
        );
        write("cached.bin", &pattern(CACHED_BYTES));
        write("large.bin", &pattern(LARGE_BYTES));
        std::fs::create_dir(root.path().join("folder")).unwrap();
        write("folder/index.html", b"<p>index</p>");
        std::fs::create_dir(root.path().join("few")).unwrap();
        write("few/1", b"");
        std::fs::create_dir(root.path().join("many")).unwrap();
        for n in 0..MANY {
            write(&format!("many/{n}"), b"");
        }
        // A file that was just written is not kept, because another change might not be detectable.
        let written = std::fs::metadata(root.path().join("many").join((MANY - 1).to_string()))
            .and_then(|m| m.modified());
        while written.as_ref().unwrap().elapsed().unwrap_or_default() < SETTLED {
            std::thread::yield_now();
        }
        let mut config = Config::default();
        config.site.listing = true;
        config.site.root = root.path().to_path_buf();
        change(&mut config);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Ground {
            site: Site::open(&config.site).unwrap(),
            root,
            config,
            started: Moment::now(),
            date: HttpDate::from_unix_seconds(now.as_secs().cast_signed()),
        }
    }

    /// A context whose clock does not advance by itself.
    pub fn context(&self) -> Context {
        let counters = Arc::new(Counters::new(true));
        let view = self.site.view();
        let mut cx = Context::new(&self.config, 0, view, counters, None, self.started);
        cx.common.set_date(self.date);
        set_clock(&mut cx, self.started);
        cx
    }

    /// Open descriptors of files below the root, not counting one for each file that may be kept
    /// open for the next request.
    pub fn descriptors(&self) -> usize {
        let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else {
            return 0;
        };
        let mut files: Vec<_> = descriptors
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.starts_with(self.root.path()) && target != self.root.path())
            .collect();
        let open = files.len();
        files.sort();
        files.dedup();
        open - files.len()
    }
}

/// Sets the clock of a context, which begins a turn.
pub fn set_clock(cx: &mut Context, now: Moment) {
    cx.clock = Clock::Stepped(now);
    cx.refresh();
    cx.listing_pieces = 1;
}

/// A connection over a wire, accepted at the current time.
pub fn connect(
    wire: &std::rc::Rc<std::cell::RefCell<Wire>>,
    id: u64,
    now: Moment,
) -> Connection<Script> {
    let identity = Identity::new(id, None, now, Duration::ZERO);
    Connection::new(Script::new(wire), identity)
}

/// Bytes in which no two parts are equal.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(length)
    .collect()
}
