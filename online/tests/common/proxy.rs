//! A TCP proxy of the test's own that behaves as a bad network does.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How soon connections notice another fault.
const LOOK: Duration = Duration::from_millis(5);

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Whatever is sent comes so much later.
    Delay(Duration),
    /// Connections are broken off, and new ones at once.
    Cut,
    /// Connections stay open, and new ones are accepted, but whatever is sent is lost; they are closed when it is over.
    HalfOpen,
    /// Bytes come one by one, each so long after the one before.
    SlowBytes(Duration),
}

/// A proxy before an address; it cuts all connections when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
}

impl Proxy {
    /// Starts a proxy without a fault.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = fault.clone();
        thread::spawn(move || {
            // Ends with the test's process.
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let fault = shared.clone();
                    thread::spawn(move || forward(ends.0, ends.1, &fault));
                }
            }
        });
        Self { address, fault }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("no panic") = fault;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Fault::Cut);
    }
}

/// Copies bytes in one direction until either end or a fault closes the connection.
fn forward(mut from: TcpStream, mut to: TcpStream, fault: &Mutex<Fault>) {
    from.set_read_timeout(Some(LOOK)).expect("a timeout");
    let mut bytes = [0; 4096];
    let mut lost = false;
    loop {
        let now = *fault.lock().expect("no panic");
        // Bytes are missing: nothing that follows makes sense.
        if now == Fault::Cut || (lost && now != Fault::HalfOpen) {
            break;
        }
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        let sent = match *fault.lock().expect("no panic") {
            Fault::HalfOpen => {
                lost = true;
                Ok(())
            }
            Fault::Cut => break,
            Fault::None => to.write_all(&bytes[..count]),
            Fault::Delay(delay) => {
                thread::sleep(delay);
                to.write_all(&bytes[..count])
            }
            Fault::SlowBytes(gap) => bytes[..count].iter().try_for_each(|&byte| {
                thread::sleep(gap);
                to.write_all(&[byte])
            }),
        };
        if sent.is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
