//! From how many networks on a GPU path is worth it against the processor.

use super::Row;

/// Where an adapter overtakes the processor, for one shape and step count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossover {
    /// The network.
    pub shape: String,
    /// Steps of a run.
    pub steps: u32,
    /// The adapter.
    pub adapter: String,
    /// Threads of the `cpu` engine that it is compared with.
    pub threads: usize,
    /// The smallest tried number of networks from which on the adapter is faster at every one tried.
    pub from: Option<u64>,
    /// The largest tried number.
    pub tried: u64,
}

/// The crossovers that rows tell of: adapters beside the `cpu` engine with the most threads, at equal numbers of networks
/// and steps.
pub fn crossovers(rows: &[Row]) -> Vec<Crossover> {
    let mut found: Vec<Crossover> = Vec::new();
    for gpu in rows.iter().filter(|row| row.backend == "gpu") {
        let same = |row: &Row| (&row.shape, row.steps) == (&gpu.shape, gpu.steps);
        if found.iter().any(|c| (&c.shape, c.steps, &c.adapter) == (&gpu.shape, gpu.steps, &gpu.adapter)) {
            continue;
        }
        let Some(threads) =
            rows.iter().filter(|row| row.backend == "cpu" && same(row)).map(|row| row.threads).max()
        else {
            continue;
        };
        let cpu = |networks: u64| {
            rows.iter().find(|row| {
                row.backend == "cpu" && row.threads == threads && same(row) && row.networks == networks
            })
        };
        let mut tried: Vec<(u64, bool)> = (rows.iter())
            .filter(|row| row.backend == "gpu" && row.adapter == gpu.adapter && same(row))
            .filter_map(|row| {
                let wins = row.net_steps_per_second > cpu(row.networks)?.net_steps_per_second;
                Some((row.networks, wins))
            })
            .collect();
        tried.sort_unstable();
        let Some(&(last, _)) = tried.last() else { continue };
        let from = tried.iter().rev().take_while(|(_, wins)| *wins).last().map(|&(networks, _)| networks);
        found.push(Crossover {
            shape: gpu.shape.clone(),
            steps: gpu.steps,
            adapter: gpu.adapter.clone(),
            threads,
            from,
            tried: last,
        });
    }
    found
}

impl std::fmt::Display for Crossover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Crossover { shape, steps, adapter, threads, from, tried } = self;
        let s = if *threads == 1 { "" } else { "s" };
        write!(f, "{shape}, {steps} steps: {adapter} is faster than cpu on {threads} thread{s} ")?;
        match from {
            Some(1) => f.write_str("from one network on"),
            Some(networks) => write!(f, "from {networks} networks on"),
            None => write!(f, "at no number of networks up to {tried}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Purpose;

    fn row(backend: &str, threads: usize, networks: u64, rate: f64) -> Row {
        Row {
            shape: "2-2-1".into(),
            backend: backend.into(),
            adapter: format!("a {backend}"),
            adapter_type: String::new(),
            threads,
            networks,
            steps: 10,
            seconds: 1.0,
            net_steps_per_second: rate,
            operations_per_net_step: 1,
            fraction_of_peak: None,
            compile_seconds: None,
            seconds_low: 1.0,
            seconds_high: 1.0,
            peak_operations_per_second: None,
            task: String::new(),
            purpose: Purpose::Crossover,
        }
    }

    #[test]
    fn the_adapter_must_win_from_there_on() {
        let rows = |rates: [f64; 4]| {
            let gpu = [1, 16, 256, 4096].into_iter().zip(rates).map(|(n, rate)| row("gpu", 1, n, rate));
            // One thread is slower, and at 64 networks there is nothing to compare with.
            let one = [1, 16, 256, 4096].map(|n| row("cpu", 1, n, 1.0));
            let cpu = [1, 16, 64, 256, 4096].map(|n| row("cpu", 2, n, 10.0));
            gpu.chain(one).chain(cpu).collect::<Vec<_>>()
        };
        let found = |rates| {
            let found = crossovers(&rows(rates));
            assert_eq!(found.len(), 1);
            (found[0].from, found[0].to_string())
        };
        let sentence = "2-2-1, 10 steps: a gpu is faster than cpu on 2 threads ";
        assert_eq!(found([9.0, 11.0, 12.0, 13.0]), (Some(16), format!("{sentence}from 16 networks on")));
        assert_eq!(found([11.0, 9.0, 12.0, 13.0]).0, Some(256));
        assert_eq!(found([11.0, 11.0, 11.0, 11.0]).0, Some(1));
        assert_eq!(
            found([11.0, 11.0, 11.0, 9.0]),
            (None, format!("{sentence}at no number of networks up to 4096"))
        );
    }

    #[test]
    fn without_both_sides_there_is_none() {
        assert_eq!(crossovers(&[row("gpu", 1, 16, 1.0)]), []);
        assert_eq!(crossovers(&[row("cpu", 2, 16, 1.0)]), []);
        assert_eq!(crossovers(&[row("gpu", 1, 16, 1.0), row("cpu", 2, 1, 1.0)]), []);
    }
}
