//! Switching from root to an unprivileged user.

use std::{io, path::Path};

/// The file in which users are looked up.
const PASSWD: &str = "/etc/passwd";

/// The ids of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    user: u32,
    group: u32,
}

/// Switches from root to the user `name` and its primary group, permanently. The
/// socket `files` are first given to that user, to whom their mode then applies.
///
/// Call it after binding and before any thread exists: on Linux each thread has
/// its own user ids, which later threads inherit.
pub fn become_user<'f>(name: &str, files: impl IntoIterator<Item = &'f Path>) -> io::Result<()> {
    let users = std::fs::read(PASSWD)?;
    let ids = find(&String::from_utf8_lossy(&users), name)
        .ok_or_else(|| io::Error::other(format!("not in {PASSWD}")))?;
    if ids.user == 0 {
        return Err(io::Error::other("refusing to switch to root"));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(io::Error::other("switching users requires root"));
    }
    if threads() > 1 {
        return Err(io::Error::other("the process already has several threads"));
    }
    for file in files {
        std::os::unix::fs::lchown(file, Some(ids.user), Some(ids.group))?;
    }
    give_up_root(ids)
}

/// The threads of this process; 0 if the system does not say.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Finds `name` among lines `name:password:uid:gid:...` (passwd(5)).
fn find(passwd: &str, name: &str) -> Option<Ids> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let listed = fields.next()?;
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        // An id of -1 is invalid: to the system calls it means "no change".
        (listed == name && user != u32::MAX && group != u32::MAX).then_some(Ids { user, group })
    })
}

#[cfg(target_os = "linux")]
fn give_up_root(ids: Ids) -> io::Result<()> {
    use rustix::{
        process::{Gid, Uid},
        thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid},
    };

    let (user, group) = (Uid::from_raw(ids.user), Gid::from_raw(ids.group));
    // Groups first: without root they can no longer be changed.
    set_thread_groups(&[group])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    match set_thread_uid(Uid::ROOT) {
        Ok(()) => Err(io::Error::other("root could be regained")),
        Err(_) => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn give_up_root(_: Ids) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "\
root:x:0:0:root:/root:/bin/bash
short:x:7
www-data:x:33:34:www-data:/var/www:/usr/sbin/nologin
bad:x:minus:1::/:
unset:x:4294967295:1::/:
nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin";

    #[track_caller]
    fn check(name: &str, ids: Option<(u32, u32)>) {
        let ids = ids.map(|(user, group)| Ids { user, group });
        assert_eq!(find(USERS, name), ids, "{name:?}");
    }

    #[test]
    fn users_are_found_by_their_exact_name() {
        check("root", Some((0, 0)));
        check("www-data", Some((33, 34)));
        check("nobody", Some((65534, 65533)));
        check("www", None);
        check("", None);
        check("short", None);
        check("bad", None);
        check("unset", None);
        check("WWW-DATA", None);
    }

    #[test]
    fn unknown_users_and_root_are_rejected() {
        let line = |name| become_user(name, None).unwrap_err().to_string();
        assert_eq!(line("no-such-user"), "not in /etc/passwd");
        assert_eq!(line("root"), "refusing to switch to root");
    }

    /// On Linux each thread has its own user ids, so one thread can switch without
    /// affecting the others.
    #[cfg(target_os = "linux")]
    #[test]
    fn root_is_given_up_for_good_and_others_are_refused() {
        const NOBODY: Ids = Ids {
            user: 65534,
            group: 65534,
        };
        if !rustix::process::geteuid().is_root() {
            assert_eq!(
                become_user("nobody", None).unwrap_err().to_string(),
                "switching users requires root"
            );
            return;
        }
        assert_eq!(
            become_user("nobody", None).unwrap_err().to_string(),
            "the process already has several threads"
        );
        let tried = std::thread::spawn(|| {
            give_up_root(NOBODY).unwrap();
            assert_eq!(rustix::process::getuid().as_raw(), NOBODY.user);
            assert_eq!(rustix::process::getegid().as_raw(), NOBODY.group);
            let groups = rustix::process::getgroups().unwrap();
            assert!(groups.iter().all(|group| group.as_raw() == NOBODY.group));
            assert!(std::fs::read("/etc/shadow").is_err());
            become_user("nobody", None).unwrap_err().to_string()
        });
        assert_eq!(tried.join().unwrap(), "switching users requires root");
    }
}
