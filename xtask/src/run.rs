//! Running other programs, and saying which one failed.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A command and how it reads in a message.
pub struct Run {
    command: Command,
    text: String,
}

/// A cargo command; its arguments are separated by blanks.
pub fn cargo(arguments: &str) -> Run {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    program(&cargo, arguments)
}

/// Any other command.
pub fn program(name: &str, arguments: &str) -> Run {
    let mut command = Command::new(name);
    command.args(arguments.split_whitespace());
    Run { command, text: format!("{} {arguments}", name.rsplit('/').next().unwrap_or(name)) }
}

impl Run {
    /// Adds arguments, separated by blanks.
    pub fn arguments(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split_whitespace());
        self.text += &format!(" {arguments}");
        self
    }

    /// Adds an option whose value is a path, which may hold blanks.
    pub fn path(mut self, option: &str, path: &Path) -> Self {
        self.command.arg(option).arg(path);
        self.text += &format!(" {option} {}", path.display());
        self
    }

    /// Adds an argument that is a path, which may hold blanks.
    pub fn argument(mut self, path: &Path) -> Self {
        self.command.arg(path);
        self.text += &format!(" {}", path.display());
        self
    }

    /// Sets where it works.
    pub fn current_dir(mut self, place: &Path) -> Self {
        self.command.current_dir(place);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it, its output shown.
    pub fn run(mut self) -> Result<()> {
        println!("== {}", self.text);
        let status = self.command.status().with_context(|| format!("cannot start: {}", self.text))?;
        if !status.success() {
            bail!("failed ({status}): {}", self.text);
        }
        Ok(())
    }

    /// Runs it and returns what it printed.
    pub fn output(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("cannot start: {}", self.text))?;
        if !output.status.success() {
            bail!("failed ({}): {}", output.status, self.text);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it and returns what it printed to its error output.
    pub fn errors(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start: {}", self.text))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("failed ({}): {}\n{text}", output.status, self.text);
        }
        Ok(text)
    }
}
