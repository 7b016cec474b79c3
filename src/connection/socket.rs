//! A [`Transport`] over a socket.

use std::{
    fs::File,
    io::{self, IoSlice},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::SockRef;

use super::transport::Transport;

/// A stream socket, non-blocking.
#[derive(Debug)]
pub enum Stream {
    /// Over the network.
    Tcp(TcpStream),
    /// Within the machine (unix(7)).
    Unix(UnixStream),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Transport for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(&*self, buffer, RecvFlags::empty())?;
        Ok(count)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let mut flags = SendFlags::NOSIGNAL;
        if more && cfg!(target_os = "linux") {
            flags |= SendFlags::MORE;
        }
        Ok(match buffers {
            [one] => rustix::net::send(&*self, one, flags)?,
            many => rustix::net::sendmsg(&*self, many, &mut SendAncillaryBuffer::default(), flags)?,
        })
    }

    #[cfg(target_os = "linux")]
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let mut offset = offset;
        Ok(rustix::fs::sendfile(
            &*self,
            file,
            Some(&mut offset),
            count,
        )?)
    }

    /// Without a portable sendfile: a bounded copy through the stack.
    #[cfg(not(target_os = "linux"))]
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        super::transport::copy_file(self, file, offset, count)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        SockRef::from(&*self).shutdown(Shutdown::Write)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn lift_unsent_bound(&mut self) {
        // Failing leaves the bound of the listener: slower, and no worse. A Unix
        // stream has none.
        let _ = SockRef::from(&*self).set_tcp_notsent_lowat(u32::MAX);
    }

    fn reset_on_close(&mut self) {
        // Failing leaves an ordinary close, which is no worse than before. A Unix
        // stream leaves nothing behind anyway.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}
