//! What the command line asks for: words of the form `key=value`.

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// All tests: the line is empty.
    All,
    /// `test=NAME`: one test. `test=START*`: the tests whose names start like that.
    Test(&'a str),
    /// `variant=NAME`: something that is broken on purpose and must be noticed.
    Variant(&'a str),
}

/// A command line that says nothing that the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCommand;

impl<'a> Command<'a> {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// [`BadCommand`].
    pub fn parse(line: &'a str) -> Result<Self, BadCommand> {
        let mut words = line.split_ascii_whitespace();
        let command = match words.next().map(|word| word.split_once('=')) {
            None => Command::All,
            Some(Some(("test", name))) => Command::Test(name),
            Some(Some(("variant", name))) => Command::Variant(name),
            Some(_) => return Err(BadCommand),
        };
        if words.next().is_none() { Ok(command) } else { Err(BadCommand) }
    }
}
