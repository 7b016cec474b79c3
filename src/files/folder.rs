//! Reading the entries of an open folder that a listing shows.

use std::{ffi::CStr, fs::File, io, sync::Arc};

use cap_std::fs::MetadataExt;
use rustix::fs::{AtFlags, Dir, FileType, statat};

use super::{
    Refusal,
    listing::{Entry, MemoryBudget},
    root::{FileIdentity, Root, kind},
};

/// An open folder, to be listed.
#[derive(Debug)]
pub struct Folder {
    root: Arc<Root>,
    /// Relative to the root; empty, or ending in a slash.
    pub(super) path: Vec<u8>,
    dir: Dir,
    /// The memory budget of its listing.
    pub(super) budget: Arc<MemoryBudget>,
}

impl Folder {
    pub(super) fn new(
        root: Arc<Root>,
        path: &[u8],
        file: File,
        budget: Arc<MemoryBudget>,
    ) -> io::Result<Folder> {
        Ok(Folder {
            root,
            path: path.to_vec(),
            dir: Dir::new(file)?,
            budget,
        })
    }

    /// Reads at most `items` names and returns whether the folder is at its end. Appends the
    /// visible ones to `entries`, unsorted: regular files, folders, and links to either that stay
    /// under the root. Not shown: hidden names, anything else, and entries removed meanwhile.
    pub(super) fn read(&mut self, items: usize, entries: &mut Vec<Entry>) -> io::Result<bool> {
        for _ in 0..items {
            let Some(item) = self.dir.read() else {
                return Ok(true);
            };
            let item = item?;
            if item.file_name().to_bytes().starts_with(b".") {
                continue;
            }
            match self.entry(item.file_name()) {
                Ok(entry) => entries.extend(entry),
                // An entry that is gone or inaccessible is not shown. A system error fails the
                // listing, which would otherwise be incomplete.
                Err(error) => match Refusal::from(error) {
                    Refusal::Exhausted(error) | Refusal::Failed(error) => return Err(error),
                    _ => {}
                },
            }
        }
        Ok(false)
    }

    fn entry(&self, name: &CStr) -> io::Result<Option<Entry>> {
        let stat = statat(self.dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let name = name.to_bytes();
        let (is_folder, is_file, size, mtime) = match kind(&stat) {
            FileType::Symlink => {
                // Resolved from the root: links between its folders are allowed.
                let found = self.root.metadata(&[&self.path, name].concat())?;
                (found.is_dir(), found.is_file(), found.len(), found.mtime())
            }
            kind => {
                let FileIdentity { size, mtime, .. } = FileIdentity::new(&stat);
                let seconds = i64::try_from(mtime.div_euclid(1_000_000_000)).unwrap_or(0);
                (kind.is_dir(), kind.is_file(), size, seconds)
            }
        };
        Ok((is_folder || is_file).then(|| Entry {
            name: name.to_vec(),
            is_folder,
            // That of a folder is meaningless to readers.
            size: if is_folder { 0 } else { size },
            mtime,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};

    use super::*;
    use crate::files::root::Opened;

    #[test]
    fn a_folder_shows_what_could_be_requested() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join("docs").join(name);
        std::fs::create_dir_all(at("folder")).unwrap();
        std::fs::write(at("file"), "1234").unwrap();
        std::fs::write(at(".hidden"), "").unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"\xff\n");
        std::fs::write(at("").join(odd), "").unwrap();
        std::fs::write(home.path().join("above"), "123456").unwrap();
        // Seconds are rounded down, also before 1970.
        let modified = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1_500);
        for path in [at("file"), home.path().join("above")] {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(modified).unwrap();
        }
        symlink("../above", at("to-above")).unwrap();
        symlink("folder", at("to-folder")).unwrap();
        symlink("../..", at("out")).unwrap();
        symlink(outside.path().join("secret"), at("absolute")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();

        let root = Arc::new(Root::open(home.path()).unwrap());
        for items in [1, 2, 100] {
            let Ok(Opened::Folder(file)) = root.open_beneath(b"docs/") else {
                panic!("not a folder");
            };
            let budget = MemoryBudget::new(0);
            let mut folder = Folder::new(Arc::clone(&root), b"docs/", file, budget).unwrap();
            let mut entries = Vec::new();
            let mut pieces = 1;
            while !folder.read(items, &mut entries).unwrap() {
                pieces += 1;
            }
            // Eleven names, the folder itself and the one above it.
            assert_eq!(pieces, 13 / items + 1);
            let mut entries: Vec<_> = entries
                .into_iter()
                .map(|entry| (entry.name, entry.is_folder, entry.size, entry.mtime == -2))
                .collect();
            entries.sort();
            let expected: [(&[u8], bool, u64, bool); 5] = [
                (b"file", false, 4, true),
                (b"folder", true, 0, false),
                (b"to-above", false, 6, true),
                (b"to-folder", true, 0, false),
                (b"\xff\n", false, 0, false),
            ];
            let expected =
                expected.map(|(name, folder, size, is_old)| (name.to_vec(), folder, size, is_old));
            assert_eq!(entries, expected, "{items} at a time");
        }
    }
}
