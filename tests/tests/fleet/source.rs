//! The database of the fleet: rows and their versions, and the clock and the history of all processes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::history::{Call, History, Kind, Tick};

/// How many rows there are; every process reads and writes all of them.
pub(crate) const ROWS: u64 = 8;

/// What a process may ask.
#[derive(Clone, Copy)]
enum Question {
    Read,
    Write,
    Begin,
    End,
    Meet,
}

/// In place of a tick: it is over, call nothing any more.
pub(crate) const OVER: u64 = u64::MAX;

/// Words of a question.
const WORDS: usize = 6;

#[derive(Clone)]
pub(crate) struct Source(Arc<Mutex<State>>);

struct State {
    origin: Instant,
    last: Tick,
    rows: BTreeMap<u64, u64>,
    history: History,
    over: bool,
    /// How many processes there are.
    members: usize,
    /// How many of them have come to each meeting.
    come: BTreeMap<u64, usize>,
}

impl State {
    fn tick(&mut self) -> Tick {
        let now = self.origin.elapsed().as_nanos() as u64;
        self.last = now.max(self.last + 1);
        self.last
    }

    fn answer(&mut self, [question, a, b, c, d, e]: [u64; WORDS]) -> u64 {
        const READ: u64 = Question::Read as u64;
        const WRITE: u64 = Question::Write as u64;
        const BEGIN: u64 = Question::Begin as u64;
        const MEET: u64 = Question::Meet as u64;
        match question {
            READ => self.rows.get(&a).copied().unwrap_or(0),
            WRITE => {
                let row = self.rows.entry(a).or_default();
                *row += 1;
                *row
            }
            BEGIN if self.over && a == 0 => OVER,
            BEGIN => self.tick(),
            MEET => {
                let come = self.come.entry(a).or_default();
                *come += b as usize;
                (*come >= self.members).into()
            }
            _ => {
                let ended = self.tick();
                self.history.add(Call {
                    process: a >> 8,
                    kind: Kind::from_code(a & 0xff),
                    what: e,
                    row: b,
                    version: c,
                    began: d,
                    ended,
                });
                ended
            }
        }
    }
}

impl Source {
    pub(crate) fn start(bound: Duration, members: usize) -> io::Result<(Self, SocketAddr)> {
        let source = Self(Arc::new(Mutex::new(State {
            origin: Instant::now(),
            last: 0,
            rows: BTreeMap::new(),
            history: History::new(bound.as_nanos() as u64),
            over: false,
            members,
            come: BTreeMap::new(),
        })));
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = source.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || state.serve(stream));
            }
        });
        Ok((source, address))
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut bytes = [0; 8 * WORDS];
        loop {
            stream.read_exact(&mut bytes)?;
            let mut words = [0; WORDS];
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_be_bytes(bytes.try_into().unwrap());
            }
            let answer = self.with(|state| state.answer(words));
            stream.write_all(&answer.to_be_bytes())?;
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }

    pub(crate) fn history<R>(&self, f: impl FnOnce(&mut History) -> R) -> R {
        self.with(|state| f(&mut state.history))
    }

    pub(crate) fn tick(&self) -> Tick {
        self.with(State::tick)
    }

    pub(crate) fn fault(&self, what: &str) {
        self.with(|state| {
            let tick = state.tick();
            state.history.fault(tick, what.to_owned());
        });
    }

    /// No more calls but the last ones.
    pub(crate) fn end(&self) {
        self.with(|state| state.over = true);
    }
}

/// A process's connection to it.
pub(crate) struct Session {
    stream: TcpStream,
    process: u64,
}

impl Session {
    pub(crate) fn open(address: &str, process: u64) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, process }
    }

    fn ask(&mut self, question: Question, words: [u64; WORDS - 1]) -> u64 {
        let mut bytes = (question as u64).to_be_bytes().to_vec();
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        let mut answer = [0; 8];
        let exchanged = self
            .stream
            .write_all(&bytes)
            .and_then(|()| self.stream.read_exact(&mut answer));
        if exchanged.is_err() {
            // The parent is gone.
            std::process::exit(3);
        }
        u64::from_be_bytes(answer)
    }

    pub(crate) fn read(&mut self, row: u64) -> u64 {
        self.ask(Question::Read, [row, 0, 0, 0, 0])
    }

    pub(crate) fn write(&mut self, row: u64) -> u64 {
        self.ask(Question::Write, [row, 0, 0, 0, 0])
    }

    /// Waits until every process has come as far.
    pub(crate) fn meet(&mut self, meeting: u64) {
        let mut new = 1;
        while self.ask(Question::Meet, [meeting, new, 0, 0, 0]) == 0 {
            new = 0;
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The tick before a call; nothing if it is all over, and this is none of the `last` calls.
    pub(crate) fn begin(&mut self, last: bool) -> Option<Tick> {
        let tick = self.ask(Question::Begin, [last.into(), 0, 0, 0, 0]);
        (tick != OVER).then_some(tick)
    }

    pub(crate) fn end(&mut self, kind: Kind, row: u64, version: u64, began: Tick, what: u64) {
        let who = self.process << 8 | kind.code();
        self.ask(Question::End, [who, row, version, began, what]);
    }
}
