//! Landlock: the process is confined to what it serves, once it listens.
//!
//! After [`confine`] the process can read beneath the root's parent directory, and,
//! if the root is a link, beneath the directory of its releases; create and write
//! files in the directory of the access log; and remove files from the directory of a
//! Unix domain socket it created, as it does at the end. It can open nothing else,
//! execute nothing, bind or connect no TCP socket, and signal no other process, as far
//! as the kernel's Landlock supports that.
//! Sockets that already listen continue to accept, and the kernel tables that the
//! status page reads are already open.

use std::path::{Path, PathBuf};

use crate::config::{AccessLogTarget, Config, Listen};

use super::StartError;

/// How far the kernel confines the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// In everything that is requested.
    Full,
    /// In everything that this kernel supports.
    Partial,
    /// Not at all: the kernel has no Landlock, or the configuration disables it.
    None,
}

/// Confines the calling thread and all threads that it starts later. Call it
/// after binding and before any thread exists. A kernel without support is no
/// error: one line at `info` says how far the process is confined.
pub fn confine(config: &Config) -> Result<Confinement, StartError> {
    if !config.sandbox {
        log::info!("sandbox: disabled by --no-sandbox");
        return Ok(Confinement::None);
    }
    let grants = Grants::new(config);
    let confinement = enforce(&grants).map_err(StartError::cannot("start: sandbox"))?;
    let Grants {
        read,
        write,
        remove,
    } = &grants;
    let granted = format!("read: {read:?}, write: {write:?}, remove: {remove:?}");
    match confinement {
        Confinement::None => log::info!("sandbox: none: the kernel does not support Landlock"),
        Confinement::Partial => log::info!("sandbox: partially enforced; {granted}"),
        Confinement::Full => log::info!("sandbox: fully enforced; {granted}"),
    }
    Ok(confinement)
}

/// What the process may still do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Grants {
    /// Directories beneath which everything can be read.
    read: Vec<PathBuf>,
    /// Directories in which files can be created and written.
    write: Vec<PathBuf>,
    /// Directories in which files can be removed: those of Unix domain sockets.
    remove: Vec<PathBuf>,
}

impl Grants {
    fn new(config: &Config) -> Grants {
        let log = |target: &AccessLogTarget| match target {
            AccessLogTarget::File(log) => directory_of(log),
            AccessLogTarget::Stdout => None,
        };
        let socket = |listen: &Listen| match listen {
            Listen::Unix { path, .. } => directory_of(path),
            Listen::Localhost(_) | Listen::Address(_) => None,
        };
        Grants {
            read: readable(&config.site.root),
            write: config.access_log.iter().filter_map(log).collect(),
            remove: config.listen.iter().filter_map(socket).collect(),
        }
    }
}

/// The directories to read beneath:
///
/// 1. the resolved root;
/// 2. its parent, because a build may remove the root and create it again, which
///    makes it another directory to the kernel;
/// 3. for each link on the path to the root, the directory that holds the
///    releases, so that a deploy can swap the link: the parent of the link's target
///    or, if the target lies deeper beneath the link's own directory, the first
///    directory on the way to it. The target of an outer link counts only if it
///    lies there.
///
/// Unless it is the resolved root itself, the root of the whole system is never one
/// of them.
fn readable(root: &Path) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let mut add = |directory: &Path| {
        if !directories.iter().any(|known| known == directory) {
            directories.push(directory.into());
        }
    };
    let parent = |directory: &Path| {
        let parent = directory.parent()?;
        parent.parent().is_some().then(|| parent.to_owned())
    };
    if let Ok(resolved) = root.canonicalize() {
        add(&resolved);
        parent(&resolved)
            .iter()
            .for_each(|directory| add(directory));
    }
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.into());
    // Without the trailing slash, which would follow a link.
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
            // A link that leads elsewhere counts only if it is the innermost: the
            // others may be the system's own.
            _ if outer == 0 => parent(&target),
            _ => None,
        };
        releases.iter().for_each(|directory| add(directory));
    }
    directories
}

/// The directory in which the file is, or will be.
fn directory_of(file: &Path) -> Option<PathBuf> {
    let file = match file.canonicalize() {
        Ok(existing) => existing,
        Err(_) => std::path::absolute(file).ok()?,
    };
    file.parent()?.canonicalize().ok()
}

/// Denies everything that the ABI known here can deny, except for the grants.
#[cfg(target_os = "linux")]
fn enforce(grants: &Grants) -> std::io::Result<Confinement> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        Scope, path_beneath_rules,
    };

    const ABI_KNOWN: ABI = ABI::V6;

    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile | AccessFs::MakeReg;
    let restrict = || {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI_KNOWN))?
            .handle_access(AccessNet::from_all(ABI_KNOWN))?
            .scope(Scope::from_all(ABI_KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(&grants.read, read))?
            .add_rules(path_beneath_rules(&grants.write, write))?
            .add_rules(path_beneath_rules(&grants.remove, AccessFs::RemoveFile))?
            .restrict_self()
    };
    let restricted = restrict().map_err(std::io::Error::other)?;
    Ok(match restricted.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

#[cfg(not(target_os = "linux"))]
fn enforce(_: &Grants) -> std::io::Result<Confinement> {
    Ok(Confinement::None)
}

#[cfg(test)]
mod tests;
