//! A private `redis-server`. Knows nothing but `std`, so that the tests inside of `cache-core` include it, too.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` of one's own, on a free port and a socket in a temporary folder. Killed and cleared away on drop.
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
    config: Vec<String>,
    password: Option<String>,
    connection: Mutex<Option<BufReader<TcpStream>>>,
}

/// What a server answers to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Integer(i64),
    /// Bytes, or a status.
    Bytes(Vec<u8>),
    /// Several of them.
    Array(Vec<Reply>),
}

impl Server {
    /// Starts one, with additional lines of configuration. `None`, and a line that says so, if the tests are to do without servers.
    ///
    /// # Errors
    /// There is no `redis-server`, or it does not start; its log is in the text.
    pub fn start(config: &[&str]) -> io::Result<Option<Self>> {
        if env::var("CACHE_TEST_SKIP_SERVICES").is_ok_and(|value| !value.is_empty()) {
            eprintln!("skipped, CACHE_TEST_SKIP_SERVICES is set: a test that starts redis-server");
            return Ok(None);
        }
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("cache-redis-{}-{number}", process::id()));
        let password = config
            .iter()
            .find_map(|line| line.strip_prefix("requirepass "))
            .map(str::to_owned);
        let config: Vec<String> = config.iter().map(|&line| line.to_owned()).collect();
        // Somebody else may take a free port before the server does.
        let mut attempts = 5;
        loop {
            attempts -= 1;
            let port = free_port()?;
            let mut server = Self {
                child: launch(&folder, port, &config).inspect_err(|_| {
                    let _ = fs::remove_dir_all(&folder);
                })?,
                port,
                folder: folder.clone(),
                config: config.clone(),
                password: password.clone(),
                connection: Mutex::new(None),
            };
            match server.ready() {
                Ok(()) => return Ok(Some(server)),
                Err(error) if attempts == 0 || !error.to_string().contains("in use") => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
    }

    /// Starts a replica of this server, and waits until it follows.
    ///
    /// # Errors
    /// It does not start, or does not catch up.
    pub fn replica(&self) -> io::Result<Self> {
        let of = format!("replicaof 127.0.0.1 {}", self.port);
        let replica = Self::start(&[&of])?.ok_or_else(|| io::Error::other("no server"))?;
        until("the replica is connected", || {
            Ok(replica
                .info("replication")?
                .get("master_link_status")
                .is_some_and(|up| up == "up"))
        })?;
        Ok(replica)
    }

    /// Waits until this replica has all that the primary has.
    ///
    /// # Errors
    /// It does not catch up.
    pub fn catch_up(&self, primary: &Self) -> io::Result<()> {
        let goal = primary.info("replication")?.remove("master_repl_offset");
        let goal: u64 = number(goal.as_deref())?;
        until("the replica has caught up", || {
            Ok(number(
                self.info("replication")?
                    .get("slave_repl_offset")
                    .map(String::as_str),
            )? >= goal)
        })
    }

    /// Makes a replica a primary; its connections stay.
    ///
    /// # Errors
    /// It does not answer.
    pub fn promote(&self) -> io::Result<()> {
        self.command(["REPLICAOF", "NO", "ONE"]).map(drop)
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The URL of its socket, without credentials.
    pub fn socket_url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) -> io::Result<()> {
        *self.connection()? = None;
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Stops it (SIGSTOP): its connections stay open, and nothing is answered.
    pub fn pause(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let line = format!("kill -{name} {}", self.child.id());
        match Command::new("sh").args(["-c", &line]).status()?.success() {
            true => Ok(()),
            false => Err(io::Error::other(line)),
        }
    }

    /// Kills it and starts it again without data.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart_empty(&mut self) -> io::Result<()> {
        self.kill()?;
        match fs::remove_file(self.folder.join("dump.rdb")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.start_again(),
        }
    }

    /// Saves its data, kills it, and starts it again with them.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.command(["SAVE"])?;
        self.kill()?;
        self.start_again()
    }

    /// Starts it after [`kill`](Self::kill), with what it saved last.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.child = launch(&self.folder, self.port, &self.config)?;
        self.ready()
    }

    /// Waits until it answers.
    fn ready(&mut self) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let own = self.child.id().to_string();
            let answered = self.command(["PING"]).and_then(|_| self.info("server"));
            let error = match answered {
                Ok(info) if info.get("process_id") == Some(&own) => return Ok(()),
                // Somebody else's server has taken the port.
                Ok(_) => {
                    *self.connection()? = None;
                    io::ErrorKind::AddrInUse.into()
                }
                Err(error) => error,
            };
            let ended = self.child.try_wait()?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "redis-server does not start ({ended:?}, {error}):\n{log}"
                )));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a command over a connection of the test's own.
    ///
    /// # Errors
    /// There is no connection, or the answer is an error.
    pub fn command<A: AsRef<[u8]>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Reply> {
        let mut connection = self.connection()?;
        if connection.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut stream = BufReader::new(stream);
            if let Some(password) = &self.password {
                exchange(&mut stream, ["AUTH", password])?;
            }
            *connection = Some(stream);
        }
        let Some(stream) = connection.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let reply = exchange(stream, arguments);
        if reply
            .as_ref()
            .is_err_and(|error| error.kind() != io::ErrorKind::Other)
        {
            *connection = None;
        }
        reply
    }

    fn connection(&self) -> io::Result<std::sync::MutexGuard<'_, Option<BufReader<TcpStream>>>> {
        self.connection
            .lock()
            .map_err(|_| io::Error::other("a test panicked"))
    }

    /// One section of `INFO`.
    ///
    /// # Errors
    /// It does not answer.
    pub fn info(&self, section: &str) -> io::Result<BTreeMap<String, String>> {
        let Reply::Bytes(text) = self.command(["INFO", section])? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        Ok(String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// How often each command was called while `work` ran, scripts' own calls included; without those that did not run.
    ///
    /// # Errors
    /// It does not answer.
    pub fn calls_during<T>(
        &self,
        work: impl FnOnce() -> T,
    ) -> io::Result<(T, BTreeMap<String, u64>)> {
        let before = self.calls()?;
        let done = work();
        let mut calls = self.calls()?;
        for (command, count) in before {
            if let Some(now) = calls.get_mut(&command) {
                *now -= count;
            }
        }
        calls.retain(|command, count| *count > 0 && command != "info");
        Ok((done, calls))
    }

    fn calls(&self) -> io::Result<BTreeMap<String, u64>> {
        self.info("commandstats")?
            .into_iter()
            .map(|(name, value)| {
                let name = name.trim_start_matches("cmdstat_").to_owned();
                let count = value
                    .strip_prefix("calls=")
                    .and_then(|rest| rest.split(',').next());
                Ok((name, number(count)?))
            })
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody listens at, just now.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The server that is tested: `CACHE_TEST_REDIS_SERVER`, `valkey-server` say, or `redis-server`.
fn binary() -> String {
    env::var("CACHE_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

fn launch(folder: &std::path::Path, port: u16, config: &[String]) -> io::Result<Child> {
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("dir {}", folder.display()),
        format!("unixsocket {}", folder.join("socket").display()),
        format!("logfile {}", folder.join("log").display()),
        "save \"\"".to_owned(),
        "appendonly no".to_owned(),
        "repl-diskless-sync-delay 0".to_owned(),
    ];
    if config.iter().any(|line| line.starts_with("sentinel ")) {
        lines.retain(|line| {
            !line.starts_with("save") && !line.starts_with("append") && !line.starts_with("repl")
        });
    }
    lines.extend_from_slice(config);
    fs::create_dir_all(folder)?;
    let file = folder.join("redis.conf");
    fs::write(&file, lines.join("\n"))?;
    // The file of a sentinel is all its own.
    let sentinel = config.iter().any(|line| line.starts_with("sentinel "));
    Command::new(binary())
        .arg(&file)
        .args(sentinel.then_some("--sentinel"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "{} cannot be run ({error}); install it, or set CACHE_TEST_SKIP_SERVICES=1",
                    binary()
                ),
            )
        })
}

/// Asks again until it is so.
fn until(what: &str, mut so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let began = Instant::now();
    while !so()? {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("waited in vain until {what}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no number: {text:?}")))
}

fn exchange<A: AsRef<[u8]>>(
    stream: &mut BufReader<TcpStream>,
    arguments: impl IntoIterator<Item = A>,
) -> io::Result<Reply> {
    let arguments: Vec<A> = arguments.into_iter().collect();
    let mut line = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in &arguments {
        let argument = argument.as_ref();
        line.extend(format!("${}\r\n", argument.len()).into_bytes());
        line.extend(argument);
        line.extend(b"\r\n");
    }
    stream.get_mut().write_all(&line)?;
    reply(stream)
}

fn reply(stream: &mut BufReader<TcpStream>) -> io::Result<Reply> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
    let count = || -> io::Result<i64> { rest.parse().map_err(io::Error::other) };
    match kind {
        "+" => Ok(Reply::Bytes(rest.as_bytes().to_vec())),
        "-" => Err(io::Error::other(rest)),
        ":" => count().map(Reply::Integer),
        "$" | "*" if count()? < 0 => Ok(Reply::Nil),
        "$" => {
            let mut bytes = vec![0; count()? as usize + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Ok(Reply::Bytes(bytes))
        }
        "*" => (0..count()?)
            .map(|_| reply(stream))
            .collect::<io::Result<_>>()
            .map(Reply::Array),
        _ => Err(io::Error::other(format!("no reply: {line}"))),
    }
}
