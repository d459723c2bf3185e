//! `partial_cells.jsonl`: of a shard, what is known of the cells that have runs in other shards: one line a cell, two at
//! most. [`merge`](super::merge) puts them together; no row of a file says enough for that.

use serde::{Deserialize, Serialize};

use super::journal::OpenCell;

/// The file's name.
pub const FILE: &str = "partial_cells.jsonl";

/// The runs of a cell that are in one shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartialCell {
    /// Which cell.
    pub cell: usize,
    /// What is known of them.
    #[serde(flatten)]
    pub tallies: OpenCell,
}

impl PartialCell {
    /// As a line of the file.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}
