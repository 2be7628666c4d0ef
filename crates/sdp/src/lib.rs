//! Offer and answer (RFC 3264): from session descriptions to the [`Stream`] that `media` carries.
//!
//! An [`Agent`] belongs to one dialog. It writes offers and answers on the [`Terms`] of its owner,
//! reads the other side's, and yields a [`Stream`]: addresses, payload types, direction and keys
//! as plain data. A forking INVITE clones the agent with its offer outstanding, one for each early
//! dialog. [`Description`] is the layer below: a parser that takes what phones really send
//! (RFC 8866 with its rules relaxed) and a writer that sends what they all take.
//!
//! Reading is our own code because the parsers at hand refuse a whole description for one line
//! that nobody needs: a malformed `o=`, `b=` or `t=`, or a blank before the equals sign.

mod agent;
mod base64;
mod choose;
mod codec;
mod crypto;
mod description;
mod parse;
mod stream;
mod terms;
mod write;

pub use agent::{Agent, Answer, OfferError, Refused, Wish};
pub use codec::{Codec, Encoding};
pub use crypto::{Crypto, Key, Suite};
pub use description::{Connection, Description, Format, Media, Origin, Profile, RtcpPort};
pub use parse::{MEDIA_MAX, ParseError};
pub use stream::{Direction, Ends, Events, Payload, Security, Srtp, Stream};
pub use terms::{Encryption, Mux, Terms};
