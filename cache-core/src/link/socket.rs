//! A socket with the server, taken apart into one end that reads and one that writes.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, select};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, RedisResult, Value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, tcp};
#[cfg(unix)]
use tokio::net::{UnixStream, unix};

/// A socket as a whole.
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The end that reads.
pub(super) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf),
}

/// The end that writes.
pub(super) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    #[cfg(unix)]
    Unix(unix::OwnedWriteHalf),
}

/// Whether a server can be reached by such a socket.
pub(super) fn reaches(at: &ConnectionInfo) -> bool {
    match at.addr() {
        ConnectionAddr::Unix(_) => cfg!(unix),
        addr => matches!(addr, ConnectionAddr::Tcp(..)),
    }
}

/// A socket with a server on which all is said that it wants to hear first, and the answer to a question.
pub(super) async fn open(
    at: &ConnectionInfo,
    ask: &Cmd,
) -> RedisResult<((ReadHalf, WriteHalf), Value)> {
    let socket = match at.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Socket::Tcp(stream)
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => Socket::Unix(UnixStream::connect(path).await?),
        _ => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    };
    let socket = Arc::new(socket);
    let answer = greet(Arc::clone(&socket), at, ask).await?;
    let halves = Arc::into_inner(socket).map(Socket::split);
    let halves = halves.ok_or_else(|| io::Error::from(io::ErrorKind::ResourceBusy))?;
    Ok((halves, answer))
}

/// Has the redis crate log in, and ask.
async fn greet(socket: Arc<Socket>, at: &ConnectionInfo, ask: &Cmd) -> RedisResult<Value> {
    let (settings, config) = (at.redis_settings(), AsyncConnectionConfig::new());
    let config = config
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let greeting = MultiplexedConnection::new_with_config(settings, Lent(socket), config);
    let (mut wire, driver) = greeting.await?;
    let asked = pin!(wire.req_packed_command(ask));
    match select(asked, pin!(driver)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
    }
}

impl Socket {
    fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>, write: bool) -> Poll<io::Result<()>> {
        match (self, write) {
            (Self::Tcp(stream), false) => stream.poll_read_ready(cx),
            (Self::Tcp(stream), true) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), false) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), true) => stream.poll_write_ready(cx),
        }
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(into),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_read(into),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }
}

/// A socket that is lent to the redis crate, and not closed by it.
struct Lent(Arc<Socket>);

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            std::task::ready!(self.0.poll_ready(cx, false))?;
            match self.0.try_read(into.initialize_unfilled()) {
                Ok(read) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.0.poll_ready(cx, true))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl ReadHalf {
    /// Reads what is there, at most as much as there is room for.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        let read = match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, &mut into),
            #[cfg(unix)]
            Self::Unix(half) => Pin::new(half).poll_read(cx, &mut into),
        };
        read.map_ok(|()| into.filled().len())
    }
}

impl WriteHalf {
    /// Whether it is worth trying to write.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            #[cfg(unix)]
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }

    /// Writes what the socket takes. From any thread.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(half) => half.try_write(bytes),
        }
    }
}
