//! What a look at the processes found, and what it could not see.

use std::path::PathBuf;

/// A process that works in a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHome {
    /// Its number.
    pub pid: u32,
    /// Its arguments, the program first.
    pub arguments: Vec<String>,
    /// How it is known.
    pub sign: Sign,
    /// Whether it runs the very program that asks, so that it keeps the same locks.
    pub same_program: bool,
}

/// How a process is known to work in a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Its working directory lies there.
    Folder(PathBuf),
    /// One of its arguments names it.
    Argument(String),
    /// It has a file there open, or runs a program from there.
    Open(PathBuf),
}

/// What a look at the processes could not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The system does not tell of processes.
    All,
    /// Processes of other users are hidden (`hidepid`).
    OtherUsers,
    /// Of so many only the arguments are told: they belong to other users, or keep the rest to themselves.
    Files(usize),
    /// Those outside of this process's container.
    OutsideOfContainer,
}

/// What a look at the processes found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those in one of the homes, but for this process, its ancestors, those in one pipeline with it and those that the
    /// caller knows.
    pub found: Vec<InHome>,
    /// What there may be besides.
    pub unseen: Vec<Unseen>,
}
