//! The configuration file and the command line of each peer.
//!
//! All peers serve the same directory on 127.0.0.1 with the requested number of workers, keep an
//! idle connection for 75 seconds, and write an access log only in the rows that ask for it.

use crate::rig::servers::{Server, Setting};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The number of open connections that each server must support: 10,000 idle ones and some more.
const CONNECTIONS_MAX: usize = 16_384;

/// Writes the configuration of `server` to `folder` and returns the command that starts it in the
/// foreground.
pub fn command(server: Server, setting: &Setting, folder: &Path, port: u16) -> io::Result<Command> {
    let at = |name: &str| folder.join(name).display().to_string();
    let root = setting.root.display().to_string();
    let write = |name: &str, text: String| fs::write(folder.join(name), text);
    let mut command = Command::new(server.program());
    match server {
        Server::Stdhttpd | Server::StdhttpdUncached | Server::StdhttpdPlain => {
            command.args([
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--threads",
                &setting.threads.to_string(),
            ]);
            if setting.access_log {
                command.args(["--access-log", &at("access.log")]);
            }
            if server == Server::StdhttpdUncached {
                command.args(["--cache-size", "0"]);
            }
            command.arg(&setting.root);
        }
        Server::Limit => {
            fs::write(at("response"), &setting.response)?;
            command.args([
                super::limit::FLAG,
                &format!("127.0.0.1:{port}"),
                "--response",
                &at("response"),
            ]);
            command.args(["--answer", setting.limit_answer]);
        }
        Server::Nginx | Server::NginxTuned => {
            let text = if server == Server::Nginx {
                nginx(setting, &root, &at, port)
            } else {
                nginx_tuned(setting, &root, &at, port)
            };
            write("nginx.conf", text)?;
            command.args([
                "-p",
                &at(""),
                "-c",
                &at("nginx.conf"),
                "-e",
                &at("error.log"),
            ]);
        }
        Server::Lighttpd => {
            write("lighttpd.conf", lighttpd(setting, &root, &at, port))?;
            command.args(["-D", "-f", &at("lighttpd.conf")]);
        }
        Server::H2o => {
            write("h2o.conf", h2o(setting, &root, &at, port))?;
            command.args(["-m", "worker", "-c", &at("h2o.conf")]);
        }
        Server::Caddy => {
            write("Caddyfile", caddy(setting, &root, &at, port))?;
            command.args([
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                &at("Caddyfile"),
            ]);
            command.env("GOMAXPROCS", setting.threads.to_string());
            for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                command.env(name, folder);
            }
        }
    }
    Ok(command)
}

/// The directories that nginx writes to, which Debian puts under /var.
fn nginx_folders(at: &dyn Fn(&str) -> String) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    kinds
        .iter()
        .map(|kind| format!("  {kind}_temp_path {};\n", at(kind)))
        .collect()
}

fn nginx_types() -> &'static str {
    if Path::new("/etc/nginx/mime.types").exists() {
        "  include /etc/nginx/mime.types;\n"
    } else {
        ""
    }
}

fn nginx_log(setting: &Setting, at: &dyn Fn(&str) -> String, options: &str) -> String {
    if setting.access_log {
        format!("{}{options}", at("access.log"))
    } else {
        "off".to_owned()
    }
}

/// nginx as configured by Debian: its nginx.conf and its default site, with the requested number of
/// workers and log, and with more than 768 connections.
fn nginx(setting: &Setting, root: &str, at: &dyn Fn(&str) -> String, port: u16) -> String {
    format!(
        "daemon off;\nworker_processes {workers};\npid {pid};\n\
         events {{ worker_connections {CONNECTIONS_MAX}; }}\n\
         http {{\n  sendfile on;\n  tcp_nopush on;\n  types_hash_max_size 2048;\n{types}  default_type application/octet-stream;\n\
         {folders}  access_log {log};\n  gzip on;\n\
         \x20 server {{\n    listen 127.0.0.1:{port};\n    root {root};\n    index index.html;\n    server_name _;\n\
         \x20   location / {{ try_files $uri $uri/ =404; }}\n  }}\n}}\n",
        workers = setting.threads,
        pid = at("nginx.pid"),
        types = nginx_types(),
        folders = nginx_folders(at),
        log = nginx_log(setting, at, ""),
    )
}

/// nginx tuned for static files.
fn nginx_tuned(setting: &Setting, root: &str, at: &dyn Fn(&str) -> String, port: u16) -> String {
    format!(
        "daemon off;\nworker_processes {workers};\npid {pid};\n\
         events {{ worker_connections {CONNECTIONS_MAX}; use epoll; multi_accept on; accept_mutex off; }}\n\
         http {{\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n  types_hash_max_size 2048;\n{types}\
         \x20 default_type application/octet-stream;\n{folders}\
         \x20 access_log {log};\n  gzip off;\n  server_tokens off;\n\
         \x20 keepalive_timeout 75;\n  keepalive_requests 1000000000;\n\
         \x20 open_file_cache max=12000 inactive=60s;\n  open_file_cache_valid 30s;\n  open_file_cache_min_uses 1;\n\
         \x20 server {{\n    listen 127.0.0.1:{port} deferred reuseport backlog=4096;\n    root {root};\n  }}\n}}\n",
        workers = setting.threads,
        pid = at("nginx.pid"),
        types = nginx_types(),
        folders = nginx_folders(at),
        log = nginx_log(setting, at, " combined buffer=64k flush=1s"),
    )
}

fn lighttpd(setting: &Setting, root: &str, at: &dyn Fn(&str) -> String, port: u16) -> String {
    let workers = if setting.threads > 1 {
        setting.threads
    } else {
        0
    };
    let log = format!(
        "server.modules = ( \"mod_accesslog\" )\naccesslog.filename = \"{}\"\n",
        at("access.log")
    );
    format!(
        "{log}server.document-root = \"{root}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
         server.errorlog = \"{errors}\"\nserver.pid-file = \"{pid}\"\nserver.upload-dirs = ( \"{folder}\" )\n\
         server.event-handler = \"linux-sysepoll\"\nserver.network-backend = \"sendfile\"\n\
         server.max-fds = {descriptors}\nserver.max-connections = {CONNECTIONS_MAX}\nserver.listen-backlog = 4096\n\
         server.max-keep-alive-requests = 65535\nserver.max-keep-alive-idle = 75\nserver.max-worker = {workers}\n\
         server.defer-accept = 5\nmimetype.assign = ( \".txt\" => \"text/plain\", \".css\" => \"text/css\", \
         \".bin\" => \"application/octet-stream\", \".html\" => \"text/html\" )\n",
        log = if setting.access_log {
            log
        } else {
            String::new()
        },
        errors = at("error.log"),
        // It supports half as many connections as it has descriptors; only root can exceed the hard
        // limit.
        descriptors = 2 * CONNECTIONS_MAX,
        pid = at("lighttpd.pid"),
        folder = at(""),
    )
}

fn h2o(setting: &Setting, root: &str, at: &dyn Fn(&str) -> String, port: u16) -> String {
    format!(
        "listen:\n  host: 127.0.0.1\n  port: {port}\nnum-threads: {threads}\nmax-connections: {CONNECTIONS_MAX}\n\
         http1-request-timeout: 75\nerror-log: {errors}\npid-file: {pid}\n{log}\
         hosts:\n  default:\n    paths:\n      /:\n        file.dir: {root}\n",
        threads = setting.threads,
        errors = at("error.log"),
        pid = at("h2o.pid"),
        log = if setting.access_log {
            format!("access-log: {}\n", at("access.log"))
        } else {
            String::new()
        },
    )
}

fn caddy(setting: &Setting, root: &str, at: &dyn Fn(&str) -> String, port: u16) -> String {
    let log = format!("  log {{\n    output file {}\n  }}\n", at("access.log"));
    format!(
        "{{\n  admin off\n  auto_https off\n  servers {{\n    timeouts {{\n      idle 75s\n    }}\n  }}\n}}\n\
         http://:{port} {{\n  bind 127.0.0.1\n  root * {root}\n{log}  file_server\n}}\n",
        log = if setting.access_log {
            log
        } else {
            String::new()
        },
    )
}
