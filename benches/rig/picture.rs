//! Pictures of results: simple shapes written as SVG, and a PNG of them if a browser is installed.

use crate::rig::servers::Server;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The colour of text and of marks.
pub const INK: &str = "#1f2933";
/// The colour of the background elements: axes and notes.
pub const MUTED: &str = "#64717f";
/// The colour of a grid.
pub const FAINT: &str = "#e3e8ed";

/// The position of a text relative to its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// To the right of it.
    Start,
    /// Centred on it.
    Middle,
    /// To the left of it.
    End,
}

/// The colour of a server in every picture.
pub fn colour(server: Server) -> &'static str {
    match server {
        Server::Stdhttpd => "#d9480f",
        Server::StdhttpdUncached | Server::StdhttpdPlain => "#ffa94d",
        Server::NginxTuned => "#2b8a3e",
        Server::Nginx => "#8ac79b",
        Server::Lighttpd => "#4c6ef5",
        Server::H2o => "#9775fa",
        Server::Caddy => "#63b3c9",
        Server::Limit => "#adb5bd",
    }
}

/// A picture that is being drawn.
pub struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    /// An empty picture of this size in pixels.
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    /// The title.
    pub fn heading(&mut self, x: f64, y: f64, text: &str) {
        let _ = writeln!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="20" font-weight="600" fill="{INK}">{}</text>"#,
            escape(text)
        );
    }

    /// A line of text with its baseline at `y`.
    pub fn text(&mut self, x: f64, y: f64, size: f64, colour: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = writeln!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// A filled rectangle.
    pub fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" fill="{colour}"/>"#
        );
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.stroke(
            from,
            to,
            &format!(r#"stroke="{colour}" stroke-width="{width}""#),
        );
    }

    /// A dotted line.
    pub fn dotted(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.stroke(
            from,
            to,
            &format!(r#"stroke="{colour}" stroke-dasharray="2 3""#),
        );
    }

    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" {style}/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    /// A line through `points`, with a dot at each of them.
    pub fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let path = path.join(" ");
        let _ = writeln!(
            self.body,
            r#"<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        );
        for (x, y) in points {
            let _ = writeln!(
                self.body,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#
            );
        }
    }

    /// Writes `NAME.svg`, and `NAME.png` with a browser, and prints their paths.
    pub fn save(self, name: &str) -> io::Result<()> {
        let Self {
            width,
            height,
            body,
        } = self;
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\">\n\
             {}<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            dark_style()
        );
        save(&format!("{name}.svg"), &text)?;
        screenshot(&folder(), name, width, height);
        Ok(())
    }
}

/// The colours of the pictures, each with its replacement in dark mode.
const DARK: [(&str, &str); 9] = [
    ("#ffffff", "#121d1a"),
    ("#1f2933", "#eaf1ed"),
    ("#64717f", "#adbfb7"),
    ("#e3e8ed", "#2c3a35"),
    ("#1c7ed6", "#74c0fc"),
    ("#7048e8", "#b197fc"),
    ("#2b8a3e", "#69db7c"),
    ("#c92a2a", "#ff8787"),
    ("#e8890c", "#ffc078"),
];

/// A style that replaces the colours which this picture uses.
fn dark_style() -> String {
    let rules = DARK.iter().map(|(light, dark)| {
        format!(
            "[fill=\"{light}\"] {{ fill: {dark} }}\n[stroke=\"{light}\"] {{ stroke: {dark} }}\n"
        )
    });
    let rules: String = rules.collect();
    format!("<style>\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n</style>\n")
}

/// Writes a result to `target/bench` and prints its path.
pub fn save(name: &str, text: &str) -> io::Result<()> {
    let file = folder().join(name);
    fs::create_dir_all(folder())?;
    fs::write(&file, text)?;
    println!("written: {}", file.display());
    Ok(())
}

/// `target/bench`, wherever `target` is.
fn folder() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).join("bench")
}

/// Converts the SVG to PNG with a browser; without one, no PNG is written.
fn screenshot(folder: &Path, name: &str, width: f64, height: f64) {
    let picture = folder.join(format!("{name}.png"));
    let page = format!("file://{}", folder.join(format!("{name}.svg")).display());
    for browser in ["chromium", "chromium-browser", "google-chrome"] {
        let mut command = Command::new(browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
        ]);
        command
            .arg(format!("--window-size={width:.0},{height:.0}"))
            .arg(format!("--screenshot={}", picture.display()));
        command
            .arg(page.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) && picture.exists() {
            println!("written: {}", picture.display());
            return;
        }
    }
    println!("no browser to draw {name}.png: see {name}.svg");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
