//! A check of the site at start-up, for problems that would otherwise show only in responses.

use super::Site;
use crate::{files::root::Opened, http::target::RequestPath};

impl Site {
    /// Describes in one line why the root, or the FILE of `--spa`, cannot be served at present. Not
    /// a reason to refuse to start, because it may be fixed later.
    ///
    /// Call after switching users and sandboxing, as the result depends on both.
    pub fn trouble(&self) -> Option<String> {
        let root = &self.current().root;
        // Serving requires search permission on the root, which this tests, but not read
        // permission.
        if let Err(error) = root.metadata(b".") {
            let path = self.path.display();
            return Some(format!(
                "cannot search directory {path}: {error}; all requests will fail"
            ));
        }
        let spa = self.options.spa.as_deref()?;
        let reason = match root.open_beneath(RequestPath::new(&format!("/{spa}"))?.as_bytes()) {
            Ok(Opened::File(..)) => return None,
            Ok(Opened::Folder(_)) => "is a folder".into(),
            Ok(Opened::Other) => "not a regular file".into(),
            Err(error) => error.to_string(),
        };
        Some(format!("--spa {spa} cannot be served: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::config::SiteOptions;

    #[test]
    fn a_file_of_spa_that_cannot_be_served_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("root/folder")).unwrap();
        fs::write(home.path().join("root/folder/a b.html"), "page").unwrap();
        fs::write(home.path().join("secret"), "secret").unwrap();
        symlink("../secret", home.path().join("root/link")).unwrap();
        for (spa, part) in [
            (None, None),
            (Some("folder/a b.html"), None),
            // The path may be percent-encoded.
            (Some("folder/a%20b.html"), None),
            (Some("none.html"), Some("No such file")),
            (Some("folder"), Some("is a folder")),
            (Some("link"), Some("outside")),
        ] {
            let options = SiteOptions {
                root: home.path().join("root"),
                spa: spa.map(String::from),
                ..SiteOptions::default()
            };
            let trouble = Site::open(&options).unwrap().trouble();
            assert_eq!(trouble.is_some(), part.is_some(), "{trouble:?}");
            if let (Some(trouble), Some(part), Some(spa)) = (trouble, part, spa) {
                let start = format!("--spa {spa} cannot be served: ");
                assert!(
                    trouble.starts_with(&start) && trouble.contains(part),
                    "{trouble}"
                );
            }
        }
    }
}
