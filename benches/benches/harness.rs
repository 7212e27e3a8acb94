//! What the harness itself costs: one phase boundary, which is one reading of the clock and one
//! store.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use machine::Timeline;
use machine::clock::now_ns;
use results::Phase;

fn harness(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness");
    group.bench_function("now_ns", |bencher| bencher.iter(|| black_box(now_ns())));
    // Two boundaries, its beginning and its end, around no work; a fresh timeline each time, since
    // one has room for each phase once.
    group.bench_function("a phase, begin and end", |bencher| {
        bencher.iter_batched_ref(
            || Timeline::new(now_ns()),
            |timeline| {
                let begun = black_box(timeline.begin());
                timeline.end(black_box(Phase::Link), begun);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, harness);
criterion_main!(benches);
