/// What a question may take from the cache and leave in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Ask always; a question in flight is shared.
    Bypass,
    /// Use cached answers to this very question.
    Answers,
    /// Use cached additional sections, too.
    AnswersAndAdditionals,
}
