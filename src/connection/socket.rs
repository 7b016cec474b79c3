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

#[cfg(target_os = "linux")]
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::SockRef;

use super::transport::{Transport, copy_file};

/// A non-blocking stream socket.
#[derive(Debug)]
pub enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection to a Unix domain socket (unix(7)).
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

    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        {
            let mut position = offset;
            match rustix::fs::sendfile(&*self, file, Some(&mut position), count) {
                // The file system does not support it: sendfile(2) suggests a copy.
                Err(Errno::INVAL | Errno::NOSYS) => {}
                sent => return Ok(sent?),
            }
        }
        // There is no portable sendfile: a bounded copy through the stack.
        copy_file(self, file, offset, count)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        SockRef::from(&*self).shutdown(Shutdown::Write)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn lift_unsent_bound(&mut self) {
        // A failure leaves the bound set on the listener: slower, but harmless. A
        // Unix stream has none.
        let _ = SockRef::from(&*self).set_tcp_notsent_lowat(u32::MAX);
    }

    fn reset_on_close(&mut self) {
        // A failure leaves an ordinary close, which is harmless. A Unix stream leaves
        // nothing behind anyway.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}
