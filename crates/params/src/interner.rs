use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::settings::{CommonSettings, Policy};

/// Makes equal settings one, so that a fleet with one configuration keeps it once.
#[derive(Debug, Default)]
pub struct Interner {
    policies: HashSet<Arc<Policy>>,
    commons: HashSet<Arc<CommonSettings>>,
}

impl Interner {
    /// The shared policy that equals `policy`.
    pub fn intern(&mut self, policy: Policy) -> Arc<Policy> {
        shared(&mut self.policies, policy)
    }

    /// The shared settings that equal `common`.
    pub fn intern_common(&mut self, common: CommonSettings) -> Arc<CommonSettings> {
        shared(&mut self.commons, common)
    }

    /// Forgets what nobody uses any more.
    pub fn sweep(&mut self) {
        self.policies.retain(|policy| Arc::strong_count(policy) > 1);
        self.commons.retain(|common| Arc::strong_count(common) > 1);
    }
}

fn shared<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, wanted: T) -> Arc<T> {
    if let Some(known) = known.get(&wanted) {
        return Arc::clone(known);
    }
    let shared = Arc::new(wanted);
    known.insert(Arc::clone(&shared));
    shared
}
