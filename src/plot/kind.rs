//! The kinds of figures.

use super::axis::is_log;
use super::sheet::Sheet;
use super::sweep::Sweep;
use super::{PlotError, Request, curves, fraction, heatmap, losses, maps, similarity, times, traces};
use crate::net::words;
use crate::output;

words! {
    /// A kind of figure.
    Kind {
        /// Shares, or any column of `cells.csv`, against a swept key.
        Fraction = "fraction",
        /// Any column over two keys.
        Heatmap = "heatmap",
        /// Shares over time.
        Curves = "curves",
        /// Median time to break and to solve.
        Times = "times",
        /// Histogram of final losses.
        Losses = "losses",
        /// Convergence time over two keys.
        Convergence = "convergence",
        /// What converges and what diverges over two keys.
        Trainability = "trainability",
        /// Loss and spread of single runs over time.
        Traces = "traces",
        /// How alike the units of single runs are.
        Similarity = "similarity",
    }
}

/// Whether two hues have something to tell apart.
fn some_diverged(sweep: &Sweep) -> bool {
    sweep.values(["diverged"]).is_ok_and(|[diverged]| diverged.iter().any(|runs| *runs > 0.0))
}

impl Kind {
    /// Their words.
    pub fn list() -> String {
        Kind::WORDS.join(", ")
    }

    /// What it shows, for a list.
    pub fn about(self) -> &'static str {
        match self {
            Kind::Fraction => "share that breaks symmetry and that solves the task, or --y, against a key",
            Kind::Heatmap => "any column of cells.csv over two keys, with contours",
            Kind::Curves => "shares of runs over time",
            Kind::Times => "median time to break and to solve, censored runs included",
            Kind::Losses => "histogram of final losses, known levels marked",
            Kind::Convergence => "step at which it is solved, over two keys",
            Kind::Trainability => "what converges and what diverges, over two keys",
            Kind::Traces => "loss and spread of single runs over time (run --trace N)",
            Kind::Similarity => "how alike hidden units are, pair by pair (run --save-params)",
        }
    }

    /// Those of the flags --x, --y and --color that it looks at.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Kind::Fraction | Kind::Heatmap => &["--x", "--y", "--color"],
            Kind::Convergence | Kind::Trainability => &["--x", "--y"],
            Kind::Curves | Kind::Traces => &["--y", "--color"],
            Kind::Times => &["--x", "--color"],
            Kind::Losses => &["--color"],
            Kind::Similarity => &["--x"],
        }
    }

    /// Whether kinds that were asked for by name look at each of the flags that were given.
    ///
    /// # Errors
    /// Where none of them looks at one.
    pub fn check_flags(request: &Request) -> Result<(), PlotError> {
        let given = [("--x", &request.x), ("--y", &request.y), ("--color", &request.color)];
        for (flag, _) in given.into_iter().filter(|(_, name)| name.is_some()) {
            if request.kinds.is_empty() || request.kinds.iter().any(|kind| kind.flags().contains(&flag)) {
                continue;
            }
            let uses = |kind: &Kind| format!("--kind {kind} uses {}", kind.flags().join(", "));
            let all = request.kinds.iter().map(uses).collect::<Vec<_>>().join("; ");
            return Err(PlotError::Refused(format!("{flag} would do nothing: {all}")));
        }
        Ok(())
    }

    /// What it shows of a sweep.
    ///
    /// # Errors
    /// [`PlotError::Unsuited`] where that is nothing.
    pub fn sheets(self, sweep: &Sweep, request: &Request) -> Result<Vec<Sheet>, PlotError> {
        let single = matches!(self, Kind::Traces | Kind::Similarity);
        if sweep.run.is_some() && !single || sweep.seed.is_some() && !single && self != Kind::Trainability {
            return Err(self.unsuited(
                "it is of all runs of a cell; --where seed and run are for traces and similarity",
            ));
        }
        match self {
            Kind::Fraction => fraction::sheets(sweep, request),
            Kind::Heatmap => heatmap::sheets(sweep, request),
            Kind::Curves => curves::sheets(sweep, request),
            Kind::Times => times::sheets(sweep, request),
            Kind::Losses => losses::sheets(sweep, request),
            Kind::Convergence => maps::convergence(sweep, request),
            Kind::Trainability => maps::trainability(sweep, request),
            Kind::Traces => traces::sheets(sweep, request),
            Kind::Similarity => similarity::sheets(sweep, request),
        }
    }

    /// Whether it is worth looking at without having been asked for.
    pub fn suits(self, sweep: &Sweep) -> bool {
        let sizes = |least: usize| sweep.keys.iter().filter(|key| key.numbers.len() >= least).count();
        // A share of a few runs is no share.
        let many = sweep.most_runs() >= 5;
        let there = |name: &str| sweep.directory.join(name).exists();
        let rows_of_runs = there(output::runs::FILE) || there(output::parquet::FILE);
        match self {
            Kind::Fraction => many && !sweep.keys.is_empty(),
            Kind::Curves => many && there(output::curves::FILE),
            Kind::Heatmap => sizes(3) >= 2 && (many || sizes(12) < 2),
            Kind::Times => many && rows_of_runs && sweep.keys.iter().any(|key| is_log(&key.numbers)),
            Kind::Losses => rows_of_runs && sweep.total_runs() >= 20,
            Kind::Convergence => !many && sizes(12) >= 2,
            Kind::Trainability => !many && sizes(12) >= 2 && rows_of_runs && some_diverged(sweep),
            Kind::Traces => there(output::traces::FILE),
            Kind::Similarity => there(output::params::FINAL) && sweep.manifest.is_some(),
        }
    }

    /// For a kind that has nothing to show.
    pub fn unsuited(self, why: impl Into<String>) -> PlotError {
        PlotError::Unsuited { kind: self, why: why.into() }
    }
}
