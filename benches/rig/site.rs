//! The files that are served, created in a temporary directory.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory for the files, the configurations and the logs of one run.
pub struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// An empty site. It is readable by all users, because some peers drop root privileges after
    /// they start.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stdhttpd-bench-")
            .tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let site = Self { folder };
        for name in ["www", "state"] {
            fs::create_dir(site.folder.path().join(name))?;
        }
        fs::set_permissions(site.state(), Permissions::from_mode(0o777))?;
        Ok(site)
    }

    /// The root directory that is served.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    /// The directory for configurations, logs and scripts.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes the file `path` (with its leading slash) of `size` bytes unless it exists.
    pub fn make(&self, path: &str, size: usize) -> io::Result<()> {
        let file = self.root().join(path.trim_start_matches('/'));
        if file.exists() {
            return Ok(());
        }
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        fs::write(file, content(path, size))
    }

    /// The content of the file `path`.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root().join(path.trim_start_matches('/')))
    }
}

/// Text that differs from file to file and does not repeat soon, so that a wrong file or a shifted
/// range is detected.
fn content(path: &str, size: usize) -> Vec<u8> {
    let seed = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes().map(|byte| b' ' + (byte & 63)));
    }
    bytes.truncate(size);
    bytes
}
