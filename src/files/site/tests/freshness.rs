//! Every change is seen by the next request.

use super::*;

/// Serves `x`, changes it, and compares the next response with the disk, for small and large files,
/// cached or not.
fn check_change(change: impl Fn(&Bench)) {
    for (size, settle) in [
        (0, false),
        (100, false),
        (100, true),
        (MEMORY_BYTES_MAX, true),
        (MEMORY_BYTES_MAX + 1, true),
    ] {
        let mut bench = bench(|_| {});
        let content = "o".repeat(usize::try_from(size).unwrap());
        bench.write("x", &content);
        if settle {
            bench.settle("x");
        }
        assert!(bench.text("/x", "") == content);
        // Without waiting, caching depends on the clock.
        if settle {
            assert!(bench.keeps("/x"), "{size}");
        }
        for _ in 0..2 {
            change(&bench);
            let now = match fs::read_to_string(bench.at("x")) {
                Ok(now) => now,
                Err(_) if bench.at("x").is_dir() => "redirect".into(),
                Err(_) => "NotFound".into(),
            };
            assert!(bench.text("/x", "") == now, "{size} {settle}");
            assert!(bench.text("/x", "br, gzip") == now, "{size} {settle}");
        }
    }
}

#[test]
fn every_change_is_seen_by_the_next_request() {
    // Overwritten, with another size and with the same.
    check_change(|bench| bench.write("x", "new"));
    check_change(|bench| {
        let old = fs::read_to_string(bench.at("x")).unwrap();
        let new = if old.starts_with('o') { "n" } else { "o" };
        bench.write("x", new.repeat(old.len()));
    });
    // The same, with the mtime restored.
    check_change(|bench| {
        let times = fs::metadata(bench.at("x")).unwrap().modified().unwrap();
        let old = fs::read_to_string(bench.at("x")).unwrap();
        bench.write("x", "n".repeat(old.len()));
        let file = fs::File::options().write(true).open(bench.at("x")).unwrap();
        file.set_modified(times).unwrap();
    });
    check_change(|bench| {
        bench.write("y", "replaced");
        fs::rename(bench.at("y"), bench.at("x")).unwrap();
    });
    check_change(|bench| {
        let file = fs::File::options().write(true).open(bench.at("x")).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
    check_change(|bench| {
        use std::io::Write;
        let mut file = fs::File::options()
            .append(true)
            .open(bench.at("x"))
            .unwrap();
        file.write_all(b"appended").unwrap();
    });
    check_change(|bench| drop(fs::remove_file(bench.at("x"))));
    // Deleted, then created.
    check_change(|bench| match bench.at("x").exists() {
        true => fs::remove_file(bench.at("x")).unwrap(),
        false => bench.write("x", "again"),
    });
    check_change(|bench| {
        let _ = fs::remove_file(bench.at("x"));
        let _ = fs::create_dir(bench.at("x"));
    });
    // Replaced by a link within the root.
    check_change(|bench| {
        let _ = fs::remove_file(bench.at("x"));
        bench.write("z", "linked");
        symlink("z", bench.at("x")).unwrap();
    });
}

#[test]
fn a_link_changed_to_leave_the_root_is_refused_at_once() {
    let mut bench = bench(|_| {});
    fs::write(bench.home.path().join("secret"), "secret").unwrap();
    bench.write("in", "inside");
    symlink("in", bench.at("x")).unwrap();
    bench.settle("in");
    assert_eq!(bench.text("/x", ""), "inside");
    assert!(bench.keeps("/x"));
    fs::remove_file(bench.at("x")).unwrap();
    symlink("../secret", bench.at("x")).unwrap();
    assert_eq!(bench.text("/x", ""), "NotFound");
    assert!(!bench.keeps("/x"));
}

#[test]
fn a_folder_moved_out_behind_a_link_is_served_for_ten_seconds_at_most() {
    let mut bench = bench(|_| {});
    fs::create_dir(bench.at("d")).unwrap();
    for (name, content) in [("d/x", "moved"), ("z", "original"), ("d/y", "variant")] {
        bench.write(name, content);
        bench.settle(name);
    }
    symlink("d/x", bench.at("x")).unwrap();
    symlink("d/y", bench.at("z.gz")).unwrap();
    let ask = |bench: &mut Bench| ["/d/x", "/x", "/z"].map(|path| bench.text(path, "gzip"));
    let before = ["moved", "moved", "variant"];
    assert_eq!(ask(&mut bench), before);
    let outside = bench.home.path().join("outside");
    fs::rename(bench.at("d"), &outside).unwrap();
    symlink("../outside", bench.at("d")).unwrap();
    bench.begin_turn(10_000_000_000);
    assert_eq!(ask(&mut bench), ["NotFound", "NotFound", "original"]);
    fs::remove_file(bench.at("d")).unwrap();
    fs::rename(&outside, bench.at("d")).unwrap();
    assert_eq!(ask(&mut bench)[..2], before[..2]);
    // The variant is where it was, unchanged.
    bench.begin_turn(10_000_000_000);
    assert_eq!(ask(&mut bench), before);
    assert!(bench.keeps("/z"));
}

#[test]
fn a_variant_older_than_its_file_does_not_have_it_loaded_again() {
    let mut bench = bench(|_| {});
    bench.write("x", "new");
    bench.write("x.gz", "old");
    bench.set_mtime("x.gz", 1);
    bench.settle("x.gz");
    assert_eq!(bench.text("/x", "gzip"), "new");
    bench.view.misses.set(0);
    // It is opened anew.
    bench.begin_turn(10_000_000_000);
    assert_eq!(bench.text("/x", "gzip"), "new");
    assert_eq!(bench.view.misses.get(), 0);
}

#[test]
fn a_file_changed_without_a_trace_is_served_as_it_was_for_ten_seconds_at_most() {
    const LATER: u64 = 10_000_000_000;
    let mut bench = bench(|_| {});
    for (name, content) in [("x", "new"), ("x.gz", "new variant")] {
        bench.write(name, content);
        bench.settle(name);
    }
    let old = |content: &str| Content::Memory(content.as_bytes().into());
    for (original, variant) in [("old", "new variant"), ("new", "old variant")] {
        // As after a write through mmap(2), the content differs and the identity does not.
        bench.text("/x", "");
        let mut kept = bench.view.tree.cache.get(b"x").unwrap();
        bench.view.tree.cache.clear();
        let resource = Arc::get_mut(&mut kept).unwrap();
        resource.original.content = old(original);
        resource.variants[0].1.content = old(variant);
        bench.view.tree.cache.insert(b"x", kept);
        assert_eq!(bench.text("/x", ""), original);
        bench.begin_turn(LATER / 2);
        assert_eq!(bench.text("/x", "gzip"), variant);
        bench.begin_turn(LATER / 2);
        assert_eq!(bench.text("/x", "gzip"), "new variant");
        assert_eq!(bench.text("/x", ""), "new");
        assert!(bench.keeps("/x"));
    }
}

#[test]
fn an_index_is_as_fresh_as_a_file() {
    let mut bench = bench(|_| {});
    bench.write("index.html", "one");
    bench.settle("index.html");
    assert_eq!(bench.text("/", ""), "one");
    assert!(bench.keeps("/"));
    bench.write("index.html", "two!");
    assert_eq!(bench.text("/", ""), "two!");
    fs::remove_file(bench.at("index.html")).unwrap();
    assert_eq!(bench.text("/", ""), "NotFound");
    assert!(!bench.keeps("/"));
}

/// The next change might not show: of the file, or of a variant with which it is cached, or without
/// which, if that cannot be served at present.
#[test]
fn a_file_that_has_just_changed_or_whose_variant_has_is_not_cached() {
    let mut bench = bench(|_| {});
    for name in ["x", "y"] {
        bench.write(name, "original");
    }
    symlink("../outside", bench.at("y.gz")).unwrap();
    bench.settle("y");
    for (changed, path, expected) in [
        ("z", "/z", "gz"),
        ("x.gz", "/x", "gz"),
        ("../outside", "/y", "original"),
    ] {
        let is_seen_in_time = (0..1_000).any(|_| {
            bench.write(changed, "gz");
            assert_eq!(bench.text(path, "gzip"), expected);
            let is_kept = bench.keeps(path);
            let changed = bench.view.tree.root.identity(changed).unwrap();
            // Otherwise so much time passed that it may be cached.
            let is_recent = !is_cacheable(&changed, now());
            assert!(!is_recent || !is_kept, "{path}");
            is_recent
        });
        assert!(is_seen_in_time, "{path}");
    }
}

#[test]
fn files_are_revalidated_once_per_turn() {
    let mut bench = bench(|_| {});
    bench.write("x", "one");
    bench.settle("x");
    let first = bench.file("/x", "");
    let second = bench.file("/x", "br");
    assert!(std::ptr::eq(&*first, &*second), "kept");
    bench.write("x", "two");
    let again = bench.find_again("/x", "").unwrap();
    assert_eq!(text(&again), "one", "checked in this turn already");
    // Another worker checked after this one's turn started.
    let other = bench.view.site.view();
    let path = RequestPath::new("/x").unwrap();
    let turn = Turn(bench.turn.0 - 1);
    let found = other.find(&path, encoding(""), turn).unwrap();
    assert_eq!(text(&found), "one");
    assert_eq!(bench.text("/x", ""), "two");
    // A holder of the old one still has it complete.
    assert_eq!(body(&first), b"one");
}

#[test]
fn missing_files_are_looked_up_once_per_turn() {
    let mut bench = bench(|_| {});
    fs::create_dir(bench.at("folder")).unwrap();
    assert_eq!(bench.text("/x", ""), "NotFound");
    assert_eq!(text(&bench.find_again("/folder", "").unwrap()), "redirect");
    bench.write("x", "here");
    fs::remove_dir(bench.at("folder")).unwrap();
    assert!(matches!(bench.find_again("/x", ""), Err(Refusal::NotFound)));
    assert_eq!(text(&bench.find_again("/folder", "").unwrap()), "redirect");
    assert_eq!(bench.text("/x", ""), "here");
    assert_eq!(bench.text("/folder", ""), "NotFound");
}

#[test]
fn replacing_by_rename_under_load_never_mixes() {
    let bench = bench(|_| {});
    bench.write("x", "0");
    let site = Arc::clone(&bench.view.site);
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let view = site.view();
            scope.spawn(move || {
                for turn in 0..2000 {
                    let path = RequestPath::new("/x").unwrap();
                    let found = view.find(&path, encoding("br"), Turn(2 * turn + worker));
                    let text = text(&found.unwrap());
                    let first = text.as_bytes()[0];
                    assert!(text.bytes().all(|byte| byte == first));
                    assert_eq!(text.len(), usize::from(first - b'0') * 1000 + 1);
                }
            });
        }
        for round in 0..500 {
            let digit = round % 10;
            bench.write("next", digit.to_string().repeat(digit * 1000 + 1));
            fs::rename(bench.at("next"), bench.at("x")).unwrap();
        }
    });
}

#[test]
fn a_link_alternating_in_and_out_of_the_root_never_leaks() {
    let bench = bench(|_| {});
    fs::write(bench.home.path().join("secret"), "secret").unwrap();
    bench.write("in", "inside");
    bench.settle("in");
    symlink("in", bench.at("x")).unwrap();
    let site = Arc::clone(&bench.view.site);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let view = site.view();
            for turn in 0..3000 {
                let path = RequestPath::new("/x").unwrap();
                match view.find(&path, encoding("br"), Turn(turn)) {
                    Ok(found) => assert_eq!(text(&found), "inside"),
                    Err(refusal) => assert!(matches!(refusal, Refusal::NotFound)),
                }
            }
        });
        for round in 0..500 {
            let target = ["../secret", "in"][round % 2];
            symlink(target, bench.at("next")).unwrap();
            fs::rename(bench.at("next"), bench.at("x")).unwrap();
        }
    });
}

#[test]
fn only_cached_files_are_remembered() {
    for (bytes_max, settle, expected) in [
        (1 << 20, true, Some(true)),
        (0, true, Some(false)),
        // Without waiting, caching depends on the clock.
        (1 << 20, false, None),
    ] {
        let mut bench = bench(|options| options.cache_bytes_max = bytes_max);
        bench.write("x", "content");
        if settle {
            bench.settle("x");
        }
        let file = bench.file("/x", "");
        let remembered = bench.view.remember(&file, AcceptEncoding::IDENTITY);
        let expected = expected.unwrap_or_else(|| bench.keeps("/x"));
        assert_eq!(remembered.is_some(), expected, "{bytes_max} {settle}");
        drop(file);
        let Some(remembered) = remembered else {
            continue;
        };
        let again = bench.view.recall(&remembered, bench.turn);
        assert!(again.is_some_and(|again| *again.content_type == *"application/octet-stream"));
        bench.write("x", "changed");
        bench.begin_turn(1);
        assert!(bench.view.recall(&remembered, bench.turn).is_none());
    }
}

#[test]
fn a_new_variant_is_found_in_a_folder_known_to_have_none() {
    let mut bench = bench(|_| {});
    const FILES: usize = 300;
    for number in 0..FILES {
        bench.write(&format!("f{number}"), "original");
    }
    bench.settle(&format!("f{}", FILES - 1));
    for number in 0..FILES - 1 {
        assert_eq!(bench.text(&format!("/f{number}"), "gzip"), "original");
    }
    // A cached file, and one that was never requested.
    for name in ["f298", "f299"] {
        bench.write(&format!("{name}.gz"), "variant");
        assert_eq!(bench.text(&format!("/{name}"), "gzip"), "variant");
        let whole = bench.file(&format!("/{name}"), "");
        assert!(whole.fields.whole().starts_with(b"Vary: "));
        fs::remove_file(bench.at(&format!("{name}.gz"))).unwrap();
        assert_eq!(bench.text(&format!("/{name}"), "gzip"), "original");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_read_for_its_names_is_closed_in_time() {
    let mut bench = bench(|_| {});
    fs::create_dir(bench.at("d")).unwrap();
    const FILES: usize = 400;
    for number in 0..FILES {
        bench.write(&format!("d/{number}"), "");
    }
    bench.settle(&format!("d/{}", FILES - 1));
    let folder = bench.at("d").canonicalize().unwrap();
    let is_open = || {
        let mut descriptors = fs::read_dir("/proc/self/fd").unwrap();
        descriptors.any(|each| fs::read_link(each.unwrap().path()).is_ok_and(|at| at == folder))
    };
    // So many that its reading has begun, and not ended.
    for number in 0..70 {
        bench.file(&format!("/d/{number}"), "");
    }
    assert!(is_open());
    bench.begin_turn(10_000_000_000);
    assert!(!is_open());
}
