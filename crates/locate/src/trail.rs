use crate::Target;

/// How a target was located: every record consulted and each decision, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Whom it is about.
    pub target: Target,
}
