//! The process confined to what it serves, once it listens.
//!
//! After [`confine`] the process can read beneath the folder in which the root
//! stands, and where a link leads to it beneath that of its releases, append to
//! the access log, and remove files from the folder of a Unix domain socket it
//! made, as it does at the end. It can open nothing else, execute nothing, bind
//! or connect no TCP socket, and signal no other process: as far as the kernel's
//! Landlock knows these. The sockets that listen already go on accepting, and the
//! kernel's tables that the status page tells from are open already.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::config::{AccessLogTarget, Config, Listen};

use super::StartError;

/// How far the kernel confines the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// In all that was asked for.
    Full,
    /// In all that this kernel knows of it.
    Partial,
    /// Not at all: the kernel has no Landlock.
    None,
    /// Not asked for.
    Off,
}

/// Confines the calling thread and all threads that it starts later; to be
/// called after binding and before any thread exists. A kernel that cannot is
/// no error: one line at `info` tells how far it went.
pub fn confine(config: &Config) -> Result<Confinement, StartError> {
    if !config.sandbox {
        log::info!("sandbox: off, as asked for");
        return Ok(Confinement::Off);
    }
    let grants = Grants::new(config);
    let confinement = enforce(&grants).map_err(StartError::cannot("start: sandbox"))?;
    match confinement {
        Confinement::None => log::info!("sandbox: none, the kernel has no Landlock"),
        _ => log::info!("sandbox: {confinement:?}; {grants}"),
    }
    Ok(confinement)
}

/// What stays open to the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Grants {
    /// Folders beneath which all can be read.
    read: Vec<PathBuf>,
    /// Folders in which files can be created and written.
    write: Vec<PathBuf>,
    /// Folders in which files can be removed: those of Unix domain sockets.
    remove: Vec<PathBuf>,
}

impl Grants {
    fn new(config: &Config) -> Grants {
        let write = match &config.access_log {
            Some(AccessLogTarget::File(log)) => folder_of(log).into_iter().collect(),
            Some(AccessLogTarget::Stdout) | None => Vec::new(),
        };
        let socket = |listen: &Listen| match listen {
            Listen::Unix { path, .. } => folder_of(path),
            Listen::Localhost(_) | Listen::Address(_) => None,
        };
        Grants {
            read: readable(&config.site.root),
            write,
            remove: config.listen.iter().filter_map(socket).collect(),
        }
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "reads beneath {:?}, writes in {:?}, removes in {:?}",
            self.read, self.write, self.remove
        )
    }
}

/// The root; the folder in which it stands, for a build may remove the root
/// and make it anew, and that is another folder to the kernel; and where a link
/// leads to it, the folder in which releases stand, so that a deploy can swap
/// the link: that of the target, or, where the target lies deeper beneath the
/// folder of the link, the first on the way to it. So it is with each link on the
/// way, but that the target of an outer one has to lie there. Not where such a
/// folder is the root of the whole system.
fn readable(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut add = |folder: &Path| {
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.into());
        }
    };
    let parent = |folder: &Path| {
        let parent = folder.parent()?;
        parent.parent().is_some().then(|| parent.to_owned())
    };
    if let Ok(resolved) = root.canonicalize() {
        add(&resolved);
        parent(&resolved).iter().for_each(|folder| add(folder));
    }
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.into());
    // Without its last slash, for that would follow a link.
    let path = absolute.components().as_path();
    let links = path.ancestors().filter(|path| path.is_symlink());
    for (outer, link) in links.enumerate() {
        let Ok(target) = link.canonicalize() else {
            continue;
        };
        let Some(Ok(place)) = link.parent().map(Path::canonicalize) else {
            continue;
        };
        let mut way = target.strip_prefix(&place).into_iter().flatten();
        let releases = match (way.next(), way.next()) {
            (Some(first), Some(_)) if place.parent().is_some() => Some(place.join(first)),
            (Some(_), None) => parent(&target),
            // One that leads elsewhere counts only where it is the innermost: the
            // others may well be the system's own.
            _ if outer == 0 => parent(&target),
            _ => None,
        };
        releases.iter().for_each(|folder| add(folder));
    }
    folders
}

/// The folder in which the file stands, or will.
fn folder_of(file: &Path) -> Option<PathBuf> {
    let file = match file.canonicalize() {
        Ok(existing) => existing,
        Err(_) => std::path::absolute(file).ok()?,
    };
    file.parent()?.canonicalize().ok()
}

#[cfg(target_os = "linux")]
fn enforce(grants: &Grants) -> std::io::Result<Confinement> {
    restrict(grants)
        .map(|status| match status {
            landlock::RulesetStatus::FullyEnforced => Confinement::Full,
            landlock::RulesetStatus::PartiallyEnforced => Confinement::Partial,
            landlock::RulesetStatus::NotEnforced => Confinement::None,
        })
        .map_err(std::io::Error::other)
}

/// Denies all that the ABI known here can deny, but for the grants.
#[cfg(target_os = "linux")]
fn restrict(grants: &Grants) -> Result<landlock::RulesetStatus, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
        path_beneath_rules,
    };

    const ABI_KNOWN: ABI = ABI::V6;

    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile | AccessFs::MakeReg;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_KNOWN))?
        .handle_access(AccessNet::from_all(ABI_KNOWN))?
        .scope(Scope::from_all(ABI_KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(&grants.read, read))?
        .add_rules(path_beneath_rules(&grants.write, write))?
        .add_rules(path_beneath_rules(&grants.remove, AccessFs::RemoveFile))?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(not(target_os = "linux"))]
fn enforce(_: &Grants) -> std::io::Result<Confinement> {
    Ok(Confinement::None)
}

#[cfg(test)]
mod tests;
