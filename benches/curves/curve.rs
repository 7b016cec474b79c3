//! The curves, and what changes from point to point.

use crate::rig::load::Requests;
use crate::rig::summary::{bytes, figure};

/// The number of active connections, unless a curve changes it.
const ACTIVE: usize = 64;

/// A curve.
pub struct Curve {
    /// The name for `--curve`.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What changes from point to point.
    pub axis: &'static str,
    /// Whether its figures span several powers of ten.
    pub logarithmic: bool,
    /// Its points.
    pub points: Vec<Point>,
}

/// A point of a curve.
pub struct Point {
    /// The label of the point on the axis.
    pub step: String,
    /// The requested file, or the directory of the files.
    pub path: String,
    /// The size of a file in bytes.
    pub size: usize,
    /// Active connections.
    pub active: usize,
    /// Additional idle persistent connections.
    pub idle: usize,
    /// How requests are made.
    pub requests: Requests,
}

/// All curves; only their `quick` points if requested.
pub fn all(quick: bool) -> Vec<Curve> {
    vec![connections(), size(), files(quick), depth()]
}

fn point(step: String) -> Point {
    Point {
        step,
        path: "/1k.txt".to_owned(),
        size: 1024,
        active: ACTIVE,
        idle: 0,
        requests: Requests::Same,
    }
}

fn connections() -> Curve {
    let at = |count: usize| {
        let active = count.min(ACTIVE);
        Point {
            active,
            idle: count - active,
            ..point(figure(count as f64).trim_end_matches(".0").to_owned())
        }
    };
    Curve {
        name: "connections",
        title: "1 KiB, at most 64 of the connections active",
        axis: "open connections",
        logarithmic: false,
        points: [1, 10, 100, 1_000, 10_000].map(at).into(),
    }
}

fn size() -> Curve {
    let at = |size: usize| {
        let path = format!("/size/{size}.bin");
        Point {
            path,
            size,
            active: 16,
            ..point(bytes(size as u64))
        }
    };
    Curve {
        name: "size",
        title: "One file, 16 connections",
        axis: "size of the file",
        logarithmic: true,
        points: [
            0,
            1 << 10,
            10 << 10,
            32 << 10,
            100 << 10,
            1 << 20,
            10 << 20,
            100 << 20,
        ]
        .map(at)
        .into(),
    }
}

fn files(quick: bool) -> Curve {
    // Creating 100,000 files and having each server send each of them once takes longer than
    // everything else.
    let counts: &[usize] = if quick {
        &[1, 10, 100, 1_000, 10_000]
    } else {
        &[1, 10, 100, 1_000, 10_000, 100_000]
    };
    let at = |&count: &usize| {
        let path = "/many".to_owned();
        let step = figure(count as f64).trim_end_matches(".0").to_owned();
        Point {
            path,
            requests: Requests::Random(count),
            ..point(step)
        }
    };
    Curve {
        name: "files",
        title: "1 KiB files at random, 64 connections",
        axis: "number of files",
        logarithmic: false,
        points: counts.iter().map(at).collect(),
    }
}

fn depth() -> Curve {
    let at = |depth: usize| Point {
        requests: Requests::Pipelined(depth),
        ..point(depth.to_string())
    };
    Curve {
        name: "depth",
        title: "1 KiB, 64 connections",
        axis: "requests pipelined",
        logarithmic: false,
        points: [1, 2, 4, 8, 16, 32, 64].map(at).into(),
    }
}
