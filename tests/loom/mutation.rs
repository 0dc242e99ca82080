//! Lines of the runtime that a copy of it can break.

/// A way to break a source.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// Stands in the file exactly once.
    pub(crate) right: &'static str,
    pub(crate) wrong: Wrong,
}

pub(crate) enum Wrong {
    /// An expression in the place of the right one.
    Instead(&'static str),
    /// Statements before.
    Before(&'static str),
    /// All of it, where the right one is not a whole expression.
    All(&'static str),
}

impl Mutation {
    /// Returns the file's text with the line that can be broken.
    pub(crate) fn apply(&self, text: &str) -> String {
        let Self {
            name, right, wrong, ..
        } = self;
        let found = text.matches(right).count();
        // Where `.ci/mutants` has been before, nobody runs what expects the broken copy.
        if found == 0 && std::env::var_os("TLS_STATE_MUTANTS").is_some() {
            return text.to_owned();
        }
        assert_eq!(found, 1, "`{name}` breaks what is no more: {right}");
        let new = match wrong {
            Wrong::Instead(wrong) => {
                format!("(if crate::broken::is({name:?}) {{ {wrong} }} else {{ {right} }})")
            }
            Wrong::Before(wrong) => {
                format!("if crate::broken::is({name:?}) {{ {wrong} }}\n{right}")
            }
            Wrong::All(wrong) => (*wrong).to_owned(),
        };
        text.replace(right, &new)
    }
}
