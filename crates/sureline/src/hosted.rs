//! Nodes in a thread of their own.

use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use host::Host;

use crate::out::Failure;

/// Starts a thread, lets `make` put nodes into its loop, and runs them there. Gives what `make`
/// made, handles mostly, or why it could not.
pub(crate) fn hosted<T: Send + 'static>(
    name: &str,
    make: impl FnOnce(&mut Host) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, JoinHandle<()>), Failure> {
    let (sender, made) = sync_channel(1);
    let live = move || {
        let mut host = match Host::new() {
            Ok(host) => host,
            Err(error) => return drop(sender.send(Err(Failure::failed(error)))),
        };
        let result = make(&mut host);
        let is_made = result.is_ok();
        if sender.send(result).is_ok() && is_made {
            host.run();
        }
    };
    let thread = Builder::new().name(name.to_owned()).spawn(live).map_err(Failure::failed)?;
    let made =
        made.recv().map_err(|_| Failure::failed(format!("the thread {name} has died")))??;
    Ok((made, thread))
}
