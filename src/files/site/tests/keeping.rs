//! Which files are cached, and which are kept open.

use super::{
    super::release::{CLOSED_FILES_MAX, UNUSED_NANOSECONDS_MAX},
    *,
};

#[test]
fn a_scan_of_all_files_evicts_no_hot_one() {
    const HOT: usize = 50;
    const ONCE: usize = 2000;
    let mut bench = bench(|options| options.cache_bytes_max = 1 << 20);
    let content = "c".repeat(4000);
    for n in 0..HOT {
        bench.write(&format!("hot-{n}"), &content);
    }
    for n in 0..ONCE {
        bench.write(&format!("once-{n}"), &content);
    }
    bench.settle(&format!("once-{}", ONCE - 1));
    for _ in 0..4 {
        for n in 0..HOT {
            bench.file(&format!("/hot-{n}"), "");
        }
    }
    for n in 0..ONCE {
        bench.file(&format!("/once-{n}"), "");
    }
    assert!(bench.view.tree.cache.bytes() <= 1 << 20);
    let kept = (0..HOT).filter(|n| bench.keeps(&format!("/hot-{n}")));
    assert_eq!(kept.count(), HOT);
}

#[test]
fn a_file_larger_than_the_cache_is_served() {
    for cache_bytes_max in [0, 1, 1000, 15_000] {
        let mut bench = bench(|options| options.cache_bytes_max = cache_bytes_max);
        let content = "c".repeat(15_000);
        bench.write("x", &content);
        bench.settle("x");
        for _ in 0..3 {
            assert!(bench.text("/x", "br") == content);
        }
        assert!(!bench.keeps("/x"));
        assert!(bench.view.tree.cache.bytes() <= cache_bytes_max);
    }
}

/// From its descriptor it is sent faster, but one that has just changed may change again before it
/// is sent, and then not be what its tag says.
#[test]
fn a_file_too_large_to_be_cached_in_memory_is_sent_from_there_while_it_may_change() {
    for (size, is_cached_in_memory) in [
        (CACHED_BYTES_MAX, true),
        (CACHED_BYTES_MAX + 1, false),
        (MEMORY_BYTES_MAX, false),
    ] {
        let mut bench = bench(|_| {});
        let content = "m".repeat(usize::try_from(size).unwrap());
        bench.write("x", &content);
        bench.write("x.gz", &content);
        let is_in_memory = |file: &Selected| matches!(file.content, Content::Memory(_));
        for accept in ["", "gzip"] {
            let changed = bench.file("/x", accept);
            if !changed.resource.is_cacheable {
                assert!(is_in_memory(&changed), "{size} {accept}");
            }
            bench.settle("x.gz");
            let settled = bench.file("/x", accept);
            assert_eq!(
                is_in_memory(&settled),
                is_cached_in_memory,
                "{size} {accept}"
            );
            assert_eq!(
                settled.fields.etag(),
                changed.fields.etag(),
                "{size} {accept}"
            );
            assert!(bench.text("/x", accept) == content);
        }
    }
}

#[test]
fn few_large_files_are_kept_open_and_no_unused_one() {
    let mut bench = bench(|options| options.descriptors_kept_max = 4);
    let content = "l".repeat(usize::try_from(MEMORY_BYTES_MAX).unwrap() + 1);
    for n in 0..20 {
        bench.write(&format!("x{n}"), &content);
        bench.settle(&format!("x{n}"));
        assert!(bench.text(&format!("/x{n}"), "") == content);
    }
    let open = |bench: &Bench| bench.view.tree.cache.with_descriptors();
    assert!(open(&bench).len() <= 4, "{}", open(&bench).len());
    assert!(!open(&bench).is_empty());
    // Until nobody asked for them for some time.
    let names: Vec<String> = (open(&bench).into_iter())
        .map(|(key, _)| String::from_utf8(key.to_vec()).unwrap())
        .collect();
    bench.begin_turn(UNUSED_NANOSECONDS_MAX - 1);
    assert!(bench.find_again(&format!("/{}", names[0]), "").is_ok());
    bench.begin_turn(CHECK_NANOSECONDS);
    assert_eq!(open(&bench).len(), 1);
    fs::remove_file(bench.at(&names[0])).unwrap();
    bench.begin_turn(UNUSED_NANOSECONDS_MAX - CHECK_NANOSECONDS - 1);
    assert_eq!(open(&bench).len(), 1);
    bench.begin_turn(CHECK_NANOSECONDS);
    assert!(open(&bench).is_empty());
}

#[test]
fn some_unused_files_are_closed_per_check() {
    let mut bench = bench(|options| options.descriptors_kept_max = 1000);
    let content = "l".repeat(usize::try_from(MEMORY_BYTES_MAX).unwrap() + 1);
    let files = CLOSED_FILES_MAX + 10;
    for n in 0..files {
        bench.write(&format!("x{n}"), &content);
    }
    bench.settle(&format!("x{}", files - 1));
    for n in 0..files {
        bench.file(&format!("/x{n}"), "");
    }
    for (open, has_unused) in [(files, false), (10, true), (0, false)] {
        assert_eq!(bench.view.tree.cache.with_descriptors().len(), open);
        assert_eq!(bench.view.has_unused, has_unused);
        bench.begin_turn(UNUSED_NANOSECONDS_MAX);
    }
}

#[test]
fn open_files_are_found_without_iterating_over_the_cache() {
    let mut bench = bench(|options| options.descriptors_kept_max = 1000);
    bench.write("small", "s");
    let content = "l".repeat(usize::try_from(MEMORY_BYTES_MAX).unwrap() + 1);
    bench.write("large", content);
    bench.settle("large");
    bench.file("/small", "");
    bench.file("/large", "");
    let cache = &bench.view.tree.cache;
    let small = cache.get(b"small").unwrap();
    for n in 0..50_000 {
        cache.insert(format!("{n}").as_bytes(), Arc::clone(&small));
    }
    let look = |_| {
        let begun = Instant::now();
        assert_eq!(cache.with_descriptors().len(), 1);
        begun.elapsed()
    };
    let took = (0..10).map(look).min().unwrap();
    assert!(took < Duration::from_millis(1), "{took:?}");
}

#[test]
fn open_files_can_be_closed_and_are_cached_again() {
    let mut bench = bench(|options| options.descriptors_kept_max = 1000);
    let content = "l".repeat(usize::try_from(MEMORY_BYTES_MAX).unwrap() + 1);
    bench.write("large", content);
    bench.settle("large");
    for _ in 0..200 {
        let sent = bench.file("/large", "");
        assert!(bench.keeps("/large"));
        assert_eq!(bench.view.close_kept_files(), 1);
        assert!(!bench.keeps("/large"));
        assert_eq!(bench.view.close_kept_files(), 0, "it is only being sent");
        drop(sent);
    }
    assert!(bench.view.tree.cache.with_descriptors().is_empty());
}

#[test]
fn a_full_cache_admits_a_file_on_its_second_request() {
    let mut bench = bench(|options| options.cache_bytes_max = 1 << 20);
    let content = "c".repeat(15_000);
    for n in 0..120 {
        bench.write(&format!("x{n}"), &content);
    }
    bench.settle("x119");
    // The first time as long as an eighth is left.
    let is_kept = |bench: &mut Bench, n: &usize| {
        let path = format!("/x{n}");
        assert!(bench.text(&path, "br") == content);
        bench.keeps(&path)
    };
    let asked = (0..120).take_while(|n| is_kept(&mut bench, n)).count();
    assert_eq!(asked, 59, "of some 15,700 bytes");
    let path = format!("/x{asked}");
    assert!(bench.text(&path, "br") == content);
    assert!(bench.keeps(&path));
    // What is kept and has changed is kept anew at once.
    let changed = "d".repeat(15_000);
    bench.write(&path[1..], &changed);
    bench.settle(&path[1..]);
    assert!(bench.text(&path, "br") == changed);
    assert!(bench.keeps(&path));
}

#[test]
fn a_cache_with_free_space_admits_every_file() {
    const FILES: usize = 1000;
    let mut bench = bench(|options| options.cache_bytes_max = 1 << 20);
    for n in 0..FILES {
        bench.write(&format!("x{n}"), "small");
    }
    bench.settle(&format!("x{}", FILES - 1));
    for n in 0..FILES {
        bench.file(&format!("/x{n}"), "");
    }
    assert!(bench.view.tree.cache.bytes() < 7 << 17, "there is room");
    assert!((0..FILES).all(|n| bench.keeps(&format!("/x{n}"))));
}

#[test]
fn missing_paths_are_not_recorded_in_the_doorkeeper() {
    let mut bench = bench(|options| options.cache_bytes_max = 1 << 20);
    for n in 0..60 {
        bench.write(&format!("x{n}"), "c".repeat(15_000));
    }
    bench.settle("x59");
    for n in 0..60 {
        bench.file(&format!("/x{n}"), "");
    }
    assert!(!bench.keeps("/x59"), "it is full");
    for n in 0..6_000 {
        assert!(bench.find(&format!("/{n}"), "").is_err());
    }
    bench.file("/x59", "");
    assert!(bench.keeps("/x59"));
}
