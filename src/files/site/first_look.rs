//! What is amiss with a site before anybody asks for anything, and would show
//! in its answers alone.

use super::Site;
use crate::{files::root::Opened, http::target::RequestPath};

impl Site {
    /// Why nothing, or not the FILE of `--spa`, can be served as things are; one
    /// line that names it, and `None` where all is well. It may become well
    /// later, so this is no reason not to start.
    ///
    /// To be called as the user, and as confined, as the site will be served.
    pub fn trouble(&self) -> Option<String> {
        let root = &self.current().root;
        // What is beneath it can be looked up by who may search it, as this does;
        // reading it is another permission, and not needed.
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
            // It is a path as in an address.
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
            let told = Site::open(&options).unwrap().trouble();
            assert_eq!(told.is_some(), part.is_some(), "{told:?}");
            if let (Some(told), Some(part), Some(spa)) = (told, part, spa) {
                let start = format!("--spa {spa} cannot be served: ");
                assert!(told.starts_with(&start) && told.contains(part), "{told}");
            }
        }
    }
}
