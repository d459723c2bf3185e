//! What was run, on what, what was checked, and how to do it again: what the manifest tells.

use std::path::Path;

use serde::Serialize;

use crate::output::directory::flags;
use crate::output::{Manifest, Status};
use crate::plot;
use crate::plot::words::{counted, grouped};
use crate::shell::quoted;
use crate::spec::{self, Overrides, Warning, presets, to_toml};

/// A term and what is to be said of it, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `engine`
    pub term: &'static str,
    /// One or more.
    pub lines: Vec<String>,
}

/// Lines of one fact at most.
const LINES: usize = 12;

/// What was run, on what, when. `settings` are sentences on what is not swept.
pub fn facts(manifest: &Manifest, settings: Vec<String>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |term, lines: Vec<String>| facts.push(Fact { term, lines });
    let finished = manifest.counts.runs_finished;
    add(
        "runs",
        vec![format!(
            "{} in {}, {} in each{}",
            counted(manifest.runs, "run"),
            counted(manifest.cell_count, "cell"),
            counted(manifest.seeds, "seed"),
            if finished == manifest.runs {
                String::new()
            } else {
                format!("; {} of them are in", grouped(finished))
            }
        )],
    );
    if !settings.is_empty() {
        add("setting", settings);
    }
    let mut programs: Vec<String> = Vec::new();
    for program in &manifest.programs {
        let line = format!(
            "{}, {}: {}, {}, kernel {}",
            program.shape,
            program.activation,
            counted(program.parameters as u64, "parameter"),
            counted(program.steps.into(), "step"),
            program.kernel
        );
        // Programs may differ in their data alone.
        if !programs.contains(&line) {
            programs.push(line);
        }
    }
    add("networks", some(programs.into_iter()));
    add("engine", vec![engine(&manifest.engine)]);
    if manifest.trained_by.len() > 1 {
        let stints = manifest.trained_by.iter().map(|stint| {
            let build = stint.git_hash.as_ref().map_or_else(String::new, |hash| format!(", build {hash}"));
            format!(
                "runs {} to {}: {}{build}",
                grouped(stint.from),
                grouped(stint.to - 1),
                engine(&stint.engine)
            )
        });
        add("trained by", some(stints));
    }
    add("program", vec![program(manifest)]);
    add("plan hash", vec![manifest.plan_hash.clone()]);
    add("started", vec![utc(manifest.started_at)]);
    let seconds = |seconds: f64| duration(seconds);
    add(
        "time",
        vec![format!(
            "{} of training, {} in all",
            seconds(manifest.training_seconds),
            seconds(manifest.total_seconds)
        )],
    );
    facts
}

fn some(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES);
    let mut lines: Vec<String> = lines.take(LINES).collect();
    if more > 0 {
        lines.push(format!("and {} more; manifest.json has them", grouped(more as u64)));
    }
    lines
}

fn engine(engine: &crate::engine::Description) -> String {
    let driver = if engine.driver.is_empty() { String::new() } else { format!(", driver {}", engine.driver) };
    format!("{} ({}) by the {} engine{driver}", engine.adapter, engine.adapter_type, engine.backend)
}

fn program(manifest: &Manifest) -> String {
    let commit = manifest.git_hash.as_ref().map_or_else(String::new, |hash| format!(", commit {hash}"));
    format!("symbreak {}{commit}", manifest.program_version)
}

/// What the reader must know before anything else of the sweep in `directory`.
pub fn notices(directory: &Path, manifest: Option<&Manifest>) -> Vec<String> {
    let Some(manifest) = manifest else {
        return vec![
            "There is no manifest.json that can be read, so this page cannot say what was run, on what and with which \
             settings. Everything here is from cells.csv and the files beside it."
                .into(),
        ];
    };
    let (there, all) = (manifest.counts.runs_finished, manifest.runs);
    let mut notices = manifest.changed(directory, &plot::FILES);
    match manifest.status {
        Status::Finished => {}
        Status::Unfinished => notices.push(format!(
            "The sweep is not finished: {} of {} are in. The figures are of these; symbreak run … --resume goes on with it.",
            grouped(there),
            counted(all, "run")
        )),
        Status::Incomplete => {
            let ranges = manifest.missing.iter().map(|(from, to)| format!("{} to {}", grouped(*from), grouped(to - 1)));
            notices.push(format!(
                "Parts of the sweep are missing: {} of {} are in. Not there are the runs {}.",
                grouped(there),
                counted(all, "run"),
                some(ranges).join(", ")
            ));
        }
    }
    if let Some(shard) = manifest.shard {
        notices.push(format!(
            "This is shard {shard} of the sweep: {} of {}. symbreak merge puts shards together.",
            grouped(manifest.range().end - manifest.range().start),
            counted(all, "run")
        ));
    }
    notices
}

/// What the program warned of when it read the spec, the keys that nothing uses apart.
pub fn warnings(manifest: &Manifest) -> Vec<String> {
    let Ok(plan) = spec::from_resolved(&manifest.spec) else { return Vec::new() };
    let Ok((_, warnings)) = spec::parse(&to_toml(&plan), "the spec", &Overrides::default()) else {
        return Vec::new();
    };
    let tell = |warning: &Warning| !matches!(warning, Warning::Unused { .. });
    warnings.iter().filter(|warning| tell(warning)).map(|warning| format!("Warning: {warning}.")).collect()
}

/// What became of `--verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Sentences.
    pub text: String,
    /// Whether it failed.
    pub failed: bool,
}

/// What `--verify` found, and whether it is good.
pub fn verification(manifest: &Manifest) -> Verified {
    let Some(found) = &manifest.verification else {
        let text =
            "No run was repeated on another engine. symbreak run … --verify 0.01 repeats one in a hundred; \
                    symbreak verify checks the engines of a machine against each other."
                .to_string();
        return Verified { text, failed: false };
    };
    if found.sampled == 0 {
        let text = format!(
            "No run happened to be chosen to be repeated on {}, so nothing is verified; a larger --verify repeats some.",
            found.engine
        );
        return Verified { text, failed: false };
    }
    let mut text = format!(
        "{} repeated on {}: {} came to the same outcome and symmetry, {} to others because rounding decides them, {} to \
         others for no known reason.",
        if found.sampled == 1 { "1 run was".into() } else { format!("{} runs were", grouped(found.sampled)) },
        found.engine,
        grouped(found.agreed),
        grouped(found.explained),
        grouped(found.unexplained)
    );
    if found.unexplained > 0 {
        text += &format!(" Unexplained: {}.", found.examples());
    }
    text += if found.passed() {
        " At most one unexplained run in a thousand is allowed: passed."
    } else {
        " More than one run in a thousand is unexplained: failed."
    };
    Verified { text, failed: !found.passed() }
}

/// The spec, and the commands that run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// TOML, whole; if the plan cannot be made here, the resolved spec as JSON.
    pub spec: String,
    /// Whether `spec` is TOML.
    pub is_toml: bool,
    /// Of a preset that makes the very same plan.
    pub preset: Option<String>,
    /// From `spec.toml`.
    pub command: String,
}

/// How to run it again.
pub fn repeat(manifest: &Manifest) -> Repeat {
    let (spec, is_toml) = match spec::from_resolved(&manifest.spec) {
        Ok(plan) => (to_toml(&plan), true),
        Err(_) => (serde_json::to_string_pretty(&manifest.spec).unwrap_or_default(), false),
    };
    let backend = &manifest.engine.backend;
    let mut words = vec![format!("--backend {}", quoted(backend))];
    words.extend(flags(&manifest.options));
    let flags = words.join(" ");
    let same = |preset: &&spec::Preset| {
        let plan = spec::parse(preset.text, preset.name, &Overrides::default());
        plan.is_ok_and(|(plan, _)| plan.hash() == manifest.plan_hash)
    };
    let preset = presets().iter().filter(|preset| preset.name == manifest.name).find(same);
    Repeat {
        spec,
        is_toml,
        preset: preset.map(|preset| format!("symbreak run {} {flags}", preset.name)),
        command: format!("symbreak run spec.toml {flags}"),
    }
}

/// A sentence for a list of references.
pub fn citation(manifest: &Manifest) -> String {
    format!(
        "Sweep “{}”, {}, computed with {} on {}, {}; plan hash {}.",
        manifest.name,
        counted(manifest.counts.runs_finished, "run"),
        program(manifest),
        manifest.engine.adapter,
        utc(manifest.started_at).split(' ').next().unwrap_or_default(),
        manifest.plan_hash
    )
}

/// `2026-11-29 08:04 UTC` of seconds since 1970. Days to dates after Hinnant, "chrono-Compatible Low-Level Date Algorithms"
/// (2013): years that start in March, in eras of 400.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3_600, rest / 60 % 60)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.3} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_709_251_199), "2024-02-29 23:59 UTC");
        assert_eq!(utc(1_735_689_600), "2025-01-01 00:00 UTC");
        assert_eq!(
            [3.25, 600.0, 7_200.0, 864_000.0].map(duration),
            ["3.2 s", "10.0 min", "2.0 h", "10.0 days"]
        );
    }
}
