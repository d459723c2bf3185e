use symbreak::engine::*;
use symbreak::spec::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let o = Overrides {
        set: a[2..].iter().filter(|s| !s.contains(":") && !s.contains(",")).cloned().collect(),
        sweep: a[2..].iter().filter(|s| s.contains(":") || s.contains(",")).cloned().collect(),
        seeds: Some(200),
        seed: None,
    };
    let (plan, w) = match load(&a[1], &o) {
        Ok(x) => x,
        Err(e) => {
            println!("{e}");
            return;
        }
    };
    for w in w {
        println!("{w}");
    }
    let mut c = cpu::CpuEngine::new(None).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let t = std::time::Instant::now();
    for cell in 0..plan.cells.len() {
        let runs: Vec<Run> = (0..plan.seeds).map(|s| plan.run(cell as u64 * plan.seeds + s).1).collect();
        let p = &plan.programs[plan.cells[cell].program];
        let r = c
            .train(
                &Batch { program: p, runs: &runs, start: Start::Drawn { master: 0 }, keep_parameters: false },
                &Watch { interrupted: &stop, finished: &|_| () },
            )
            .unwrap()
            .runs;
        let n = r.len() as f64;
        use symbreak::measure::*;
        let f = |g: &dyn Fn(&RunResult) -> bool| r.iter().filter(|x| g(x)).count() as f64 / n;
        let stuck = |x: &RunResult| outcome(x) == Outcome::Stuck;
        let q =
            |lo: f64, hi: f64| f(&|x| stuck(x) && x.last.gradient_norm > lo && x.last.gradient_norm <= hi);
        let mut s: Vec<u32> = r.iter().filter_map(|x| x.solve_step).collect();
        s.sort();
        println!(
            "{:?} solved {:.3} div {:.3} sym {:.3} partial {:.3} broken {:.3} | stuck by |g|: <1e-6 {:.3} <1e-4 {:.3} <1e-2 {:.3} more {:.3} | solve median {:?} max {:?}",
            plan.cells[cell].values.iter().map(|v| v.to_string()).collect::<Vec<_>>(),
            f(&|x| outcome(x) == Outcome::Solved),
            f(&|x| outcome(x) == Outcome::Diverged),
            f(&|x| x.last.symmetry == Symmetry::Symmetric),
            f(&|x| x.last.symmetry == Symmetry::Partial),
            f(&|x| x.last.symmetry == Symmetry::Broken),
            q(-1.0, 1e-6),
            q(1e-6, 1e-4),
            q(1e-4, 1e-2),
            q(1e-2, 1e30),
            s.get(s.len() / 2),
            s.last()
        );
    }
    println!("{:.1} s for 200 seeds", t.elapsed().as_secs_f64());
}
