//! The way from one process to Redis: it can be cut, held up, and led to another server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

pub(crate) struct Wire {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    to: u16,
    held: bool,
    streams: Vec<TcpStream>,
}

impl Wire {
    /// A way to the server at this port.
    pub(crate) fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                to: port,
                held: false,
                streams: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let wire = Self {
            port: listener.local_addr()?.port(),
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for inner in listener.incoming().flatten() {
                let _ = shared.connect(inner);
            }
        });
        Ok(wire)
    }

    /// Closes all its connections.
    pub(crate) fn cut(&self) {
        for stream in self.shared.state.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing through, or what has come meanwhile and what comes now.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.state.lock().unwrap().held = held;
        self.shared.changed.notify_all();
    }

    /// Leads new connections to another server.
    pub(crate) fn lead(&self, port: u16) {
        self.shared.state.lock().unwrap().to = port;
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, inner: TcpStream) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        // Dropped, it is closed: nobody is there.
        let outer = TcpStream::connect(("127.0.0.1", state.to))?;
        for stream in [&inner, &outer] {
            stream.set_nodelay(true)?;
            state.streams.push(stream.try_clone()?);
        }
        drop(state);
        for (from, to) in [(inner.try_clone()?, outer.try_clone()?), (outer, inner)] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(from, to));
        }
        Ok(())
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let mut state = self.state.lock().unwrap();
            while state.held {
                state = self.changed.wait(state).unwrap();
            }
            drop(state);
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        for stream in [from, to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
