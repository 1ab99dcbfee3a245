//! The table itself.

use std::collections::HashMap;

use comfy_table::{CellAlignment, Table, presets};
use ddi_dma::plan::{Explanation, Note, Piece, Plan, Source};

use crate::number::grouped;
use crate::reasons::counted;

/// Makes a table of at most `most` cookies; 0 is no limit.
pub(super) fn table(plan: &Plan, explanation: &Explanation, most: usize) -> String {
    let most = if most == 0 { usize::MAX } else { most };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["window", "list", "cookie", "offset", "address", "bytes", "why"]);
    for column in [0, 1, 2, 3, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut why = Why::new(explanation);
    let mut left_out = 0;
    for window in plan.windows() {
        for (list_index, list) in window.lists().enumerate() {
            for (cookie_index, piece) in list.pieces().enumerate() {
                if table.row_count() >= most {
                    left_out += 1;
                    continue;
                }
                // A number is written where it changes, so that windows and lists stand out.
                let first_of_list = cookie_index == 0;
                let first_of_window = first_of_list && list_index == 0;
                table.add_row([
                    if first_of_window { window.index().to_string() } else { String::new() },
                    if first_of_list { list_index.to_string() } else { String::new() },
                    cookie_index.to_string(),
                    format!("{:#x}", piece.offset),
                    format!("{:#x}", piece.cookie.address),
                    grouped(piece.cookie.size),
                    why.of(&piece),
                ]);
            }
        }
    }
    let mut text = table.trim_fmt();
    if left_out > 0 {
        text.push_str(&format!("\n... and {}: --rows 0 shows all", counted(left_out, "more cookie")));
    }
    text
}

/// Reasons, found by where they apply.
struct Why<'a> {
    /// What ends at an offset, and why.
    ends: HashMap<u64, String>,
    /// Copied stretches, in object order; those behind the last piece asked for are dropped.
    copied: std::iter::Peekable<std::slice::Iter<'a, Note>>,
}

impl<'a> Why<'a> {
    fn new(explanation: &'a Explanation) -> Self {
        let ends = explanation.notes.iter().filter_map(|note| match note {
            Note::Copied { .. } => None,
            Note::CookieCut { offset, reason } => Some((*offset, format!("cookie ends: {reason}"))),
            Note::ListCut { offset, reason } => Some((*offset, format!("list ends: {reason}"))),
            Note::WindowCut { offset, reason } => Some((*offset, format!("window ends: {reason}"))),
        });
        Why { ends: ends.collect(), copied: explanation.notes.iter().peekable() }
    }

    /// Says why a piece is copied, and why it ends. Pieces are asked for in object order.
    fn of(&mut self, piece: &Piece) -> String {
        let mut lines = Vec::new();
        let end = piece.offset + piece.cookie.size;
        while let Some(note) = self.copied.peek() {
            if let Note::Copied { offset, length, reason } = note {
                if *offset >= end {
                    break;
                }
                let bytes = (offset + length).min(end).saturating_sub(piece.offset.max(*offset));
                if bytes > 0 && piece.source == Source::Copied {
                    lines.push(format!("{} copied: {reason}", grouped(bytes)));
                }
                if offset + length > end {
                    break;
                }
            }
            self.copied.next();
        }
        lines.extend(self.ends.remove(&end));
        lines.join("\n")
    }
}
