use std::collections::HashSet;
use std::sync::Arc;

use crate::settings::Policy;

/// Makes equal policies one, so that a fleet with one configuration keeps it once.
#[derive(Debug, Default)]
pub struct Interner(HashSet<Arc<Policy>>);

impl Interner {
    /// The shared policy that equals `policy`.
    pub fn intern(&mut self, policy: Policy) -> Arc<Policy> {
        if let Some(known) = self.0.get(&policy) {
            return Arc::clone(known);
        }
        let shared = Arc::new(policy);
        self.0.insert(Arc::clone(&shared));
        shared
    }

    /// Forgets policies that nobody uses any more.
    pub fn sweep(&mut self) {
        self.0.retain(|policy| Arc::strong_count(policy) > 1);
    }
}
