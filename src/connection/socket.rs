//! A [`Transport`] over a `TcpStream`.

use std::{
    fs::File,
    io::{self, IoSlice},
    net::TcpStream,
    time::Duration,
};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

use super::transport::Transport;

impl Transport for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(&*self, buffer, RecvFlags::empty())?;
        Ok(count)
    }

    /// On Linux a truncated read of a TCP stream drops the bytes without
    /// copying them.
    fn discard(&mut self, count: usize, scratch: &mut [u8]) -> io::Result<usize> {
        let count = count.min(scratch.len());
        let flags = if cfg!(target_os = "linux") {
            RecvFlags::TRUNC
        } else {
            RecvFlags::empty()
        };
        let (_, length) = rustix::net::recv(&*self, &mut scratch[..count], flags)?;
        Ok(length)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let mut flags = SendFlags::NOSIGNAL;
        if more && cfg!(target_os = "linux") {
            flags |= SendFlags::MORE;
        }
        Ok(match buffers {
            [one] => rustix::net::send(&*self, one, flags)?,
            many => rustix::net::sendmsg(
                &*self,
                many,
                &mut SendAncillaryBuffer::default(),
                flags,
            )?,
        })
    }

    #[cfg(target_os = "linux")]
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let mut offset = offset;
        Ok(rustix::fs::sendfile(&*self, file, Some(&mut offset), count)?)
    }

    /// Without a portable sendfile: a bounded copy through the stack.
    #[cfg(not(target_os = "linux"))]
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        super::transport::copy_file(self, file, offset, count)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }

    fn reset_on_close(&mut self) {
        // Failing leaves an ordinary close, which is no worse than before.
        let _ = socket2::SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}
