//! What a piece of a window adds to the files: its rows and tallies, made on one core.

use super::columns::Columns;
use super::journal::OpenCell;
use super::manifest::Counts;
use super::rows::Rows;
use super::runs::{self, Place, Swept};
use super::traces;
use crate::engine::RunResult;
use crate::measure::{Score, break_step};
use crate::spec::Plan;

/// The runs of a piece: enough that handing pieces out costs nothing, few enough that their text stays in a cache.
const RUNS: u64 = 1 << 12;

/// The most whole cells in a piece. The rows of a cell in `curves.csv` are longer than those of some dozen runs.
const CELLS: u64 = 1 << 6;

/// Rows of runs, in the form of the file that they go to.
#[derive(Clone, Debug, Default)]
pub enum RunRows {
    /// There is to be no such file.
    #[default]
    None,
    /// Of `runs.csv`.
    Csv(Rows),
    /// Of `runs.parquet`.
    Parquet(Columns),
}

/// What consecutive runs add to the files.
#[derive(Debug, Default)]
pub struct Piece {
    /// Rows of the runs.
    pub runs: RunRows,
    /// Rows of `traces.csv`.
    pub traces: Rows,
    /// What came of all the runs.
    pub counts: Counts,
    /// The runs of a cell that began before this piece.
    pub head: Option<OpenCell>,
    /// Rows of `cells.csv`, of the cells that are whole in this piece.
    pub cells: Rows,
    /// Rows of `curves.csv`, of the same cells.
    pub curves: Rows,
    /// The runs of a cell that begins in this piece and goes on after it.
    pub tail: Option<OpenCell>,
}

impl Piece {
    /// The runs in a piece of this plan's.
    pub fn length(plan: &Plan) -> usize {
        RUNS.min(plan.seeds.saturating_mul(CELLS)) as usize
    }

    /// Of the runs from number `first` on. `measured` holds the measured steps of each program; `empty` has the form of
    /// their rows; `verified` and `scores` are as long as `results`.
    pub fn new(
        plan: &Plan,
        measured: &[Vec<u32>],
        empty: &RunRows,
        first: u64,
        results: &[RunResult],
        verified: &[Option<bool>],
        scores: &[Score],
    ) -> Piece {
        let mut piece = Piece { runs: empty.clone(), ..Piece::default() };
        let mut runs = (first..).zip(results).zip(verified).zip(scores);
        for (cell, seeds) in plan.stretches(first..first + results.len() as u64) {
            let measured = &measured[plan.program(cell)];
            let values = plan.grid.values(cell);
            let swept = Swept::new(&values);
            let mut open = OpenCell::default();
            for (seed, (((number, result), &verified), score)) in seeds.clone().zip(&mut runs) {
                let place = Place { number, cell, seed, swept: &swept };
                let break_step = break_step(result, measured);
                match &mut piece.runs {
                    RunRows::None => {}
                    RunRows::Csv(rows) => runs::row(rows, place, result, break_step, verified, score),
                    RunRows::Parquet(columns) => {
                        runs::row(columns, place, result, break_step, verified, score);
                    }
                }
                traces::write(&mut piece.traces, place, result, measured);
                open.tally.add(result, break_step, score);
                open.curve.add(result, measured);
            }
            piece.counts.merge(open.tally.counts());
            if seeds == (0..plan.seeds) {
                open.write(&mut piece.cells, &mut piece.curves, cell, &swept.text, measured);
            } else if seeds.start > 0 {
                piece.head = Some(open);
            } else {
                piece.tail = Some(open);
            }
        }
        piece
    }
}
