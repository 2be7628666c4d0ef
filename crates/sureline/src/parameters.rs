//! `sureline parameters`: the manual, printed from the table of parameters.

use crate::cli::ParametersArgs;
use crate::out::{Failure, Outcome, say_raw};

/// `sureline parameters`.
pub(crate) fn parameters(args: &ParametersArgs) -> Outcome {
    let text = match &args.key {
        Some(key) => params::manual(key).map_err(Failure::misused)?,
        None if args.markdown => params::markdown(),
        None => params::list(),
    };
    say_raw(&text)
}
