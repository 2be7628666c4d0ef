//! What lies between two phones: a NAT, a line that loses.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::line::here;

pub(crate) struct Relay {
    /// Where the phone behind it sends.
    pub(crate) inside: SocketAddr,
    /// Where its packets seem to come from.
    pub(crate) outside: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Passes everything on, from another port.
    pub(crate) fn symmetric(target: SocketAddr) -> Self {
        Self::losing_each(usize::MAX, target)
    }

    /// Loses each `count`th packet on its way to `target`.
    pub(crate) fn losing_each(count: usize, target: SocketAddr) -> Self {
        let [inside, outside] = [(); 2].map(|()| {
            let socket = UdpSocket::bind((here(), 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            socket
        });
        let addrs = [&inside, &outside].map(|socket| socket.local_addr().unwrap());
        let client = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let (to_inside, to_outside) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
        let (learn, stopped) = (Arc::clone(&client), Arc::clone(&stop));
        let out = std::thread::spawn(move || {
            let mut passed = 0;
            pass(&inside, &stopped, |from, bytes| {
                *learn.lock().unwrap() = Some(from);
                passed += 1;
                if passed % count != 0 {
                    to_outside.send_to(bytes, target).unwrap();
                }
            });
        });
        let stopped = Arc::clone(&stop);
        let back = std::thread::spawn(move || {
            pass(&outside, &stopped, |_, bytes| {
                if let Some(client) = *client.lock().unwrap() {
                    to_inside.send_to(bytes, client).unwrap();
                }
            });
        });
        Self { inside: addrs[0], outside: addrs[1], stop, threads: vec![out, back] }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn pass(from: &UdpSocket, stop: &AtomicBool, mut take: impl FnMut(SocketAddr, &[u8])) {
    let mut bytes = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((len, from)) = from.recv_from(&mut bytes) {
            take(from, &bytes[..len]);
        }
    }
}
