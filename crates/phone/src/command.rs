//! What the owner of an endpoint can order.

use locate::ResolverConfig;
use params::{Mac, PhoneSettings};

use crate::call::{CallId, MediaReport, Order};

/// An order.
#[derive(Clone, Debug)]
pub enum Command {
    /// Adds a phone, or gives a phone that exists other settings; only accounts whose settings
    /// changed are touched.
    Apply(Box<PhoneSettings>),
    /// Asks these name servers, in this way, from now on; what is known stays known.
    Resolve(ResolverConfig),
    /// Registers an account at once, from the top.
    Register {
        /// The phone.
        phone: Mac,
        /// The account.
        account: u8,
    },
    /// Tells how many calls, ringings and diallings a phone has; modes 1 to 3 fail back at none.
    SetBusy {
        /// The phone.
        phone: Mac,
        /// How many.
        calls: u16,
    },
    /// Calls somebody; `call` is what [`crate::Endpoint::new_call_id`] gave.
    Dial {
        /// The phone.
        phone: Mac,
        /// The account.
        account: u8,
        /// The number of the call.
        call: CallId,
        /// A number, `user@host` or a SIP URI.
        target: String,
    },
    /// Does something with a call.
    Order {
        /// Which call.
        call: CallId,
        /// What.
        order: Order,
    },
    /// What whoever carries the sound says.
    Media {
        /// Of which call.
        call: CallId,
        /// What.
        report: MediaReport,
    },
    /// Unregisters everything; [`crate::EventKind::Stopped`] follows, after 2 s at the latest.
    Stop,
}
