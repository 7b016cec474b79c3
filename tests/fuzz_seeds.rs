//! The seeds of the fuzz targets, replayed without a fuzzer, and every one of
//! them with a byte changed.

#[path = "../fuzz/claims.rs"]
mod claims;

use std::{fs, path::Path};

use claims::{Claim, TARGETS};

/// Bytes that mean something somewhere.
const TELLING: &[u8] = b"\0\t\n\r \"#%*,-./09:;=?@AFaf\\\x7f\x80\xff";

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&folder).expect("a corpus for each target");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (
                path.display().to_string(),
                fs::read(&path).expect("a readable seed"),
            )
        })
        .collect()
}

fn replay(name: &str, claim: Claim, bytes: &[u8]) {
    let held = std::panic::catch_unwind(|| claim(bytes));
    assert!(held.is_ok(), "{name}: {}", bytes.escape_ascii());
}

#[test]
fn what_is_claimed_holds_for_every_seed() {
    for (target, claim) in TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() >= 5, "{target}: {} seeds", seeds.len());
        for (name, bytes) in seeds {
            replay(&name, claim, &bytes);
        }
    }
}

#[test]
fn what_is_claimed_holds_for_every_changed_byte() {
    for (target, claim) in TARGETS {
        for (name, seed) in seeds(target) {
            for at in 0..seed.len() {
                for &byte in TELLING {
                    let mut bytes = seed.clone();
                    bytes[at] = byte;
                    replay(&name, claim, &bytes);
                }
            }
        }
    }
}
