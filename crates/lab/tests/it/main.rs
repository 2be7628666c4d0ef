//! The servers of the lab, spoken to by a hand-written client in virtual time.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod login;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod ua;
