//! The Redis: a private one in a temporary folder, or that of `REDIS_URL`.

use std::fmt;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use redis::{Client, Commands};
use tempfile::TempDir;

/// See the module. A private one dies with it.
pub struct Server {
    url: String,
    own: Option<Own>,
}

struct Own {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.own {
            Some(own) => write!(f, "a redis-server of its own, on port {}", own.port),
            None => write!(f, "the server of REDIS_URL"),
        }
    }
}

impl Server {
    /// That of `REDIS_URL`, or a new one.
    pub fn start() -> Result<Self> {
        if let Ok(url) = std::env::var("REDIS_URL") {
            return Ok(Self { url, own: None });
        }
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let own = Own {
            child: launch(port, &folder)?,
            port,
            folder,
        };
        let mut server = Self {
            url: format!("redis://127.0.0.1:{port}/"),
            own: Some(own),
        };
        server.ready()?;
        Ok(server)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it may be killed.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Kills a private one.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(own) = &mut self.own {
            own.child.kill()?;
            own.child.wait()?;
        }
        Ok(())
    }

    /// Starts it again, with nothing in it.
    pub fn launch(&mut self) -> Result<()> {
        if let Some(own) = &mut self.own {
            own.child = launch(own.port, &own.folder)?;
        }
        self.ready()
    }

    fn ready(&mut self) -> Result<()> {
        let client = Client::open(self.url())?;
        let began = Instant::now();
        while client.get_connection().is_err() {
            let ended = match &mut self.own {
                Some(own) => own.child.try_wait()?,
                None => None,
            };
            if ended.is_some() || began.elapsed() > Duration::from_secs(5) {
                bail!("Redis does not start, or is not there");
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Removes the log of a namespace that nobody uses any more. Values go by themselves.
    pub fn clear(&self, namespace: &str) -> Result<()> {
        let mut connection = Client::open(self.url())?.get_connection()?;
        let keys = [
            format!("fc:{{{namespace}}}:log"),
            format!("fc:{{{namespace}}}:meta"),
        ];
        Ok(connection.del::<_, ()>(&keys)?)
    }
}

fn launch(port: u16, folder: &TempDir) -> Result<Child> {
    let started = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if started
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::NotFound)
    {
        bail!(
            "there is no redis-server here: `apt-get install redis-server`, `brew install redis`, or set REDIS_URL to one that runs \
             (7 or later, or Valkey)"
        );
    }
    started.context("redis-server cannot be started")
}
