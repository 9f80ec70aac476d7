// One group of softmax units at an inverse temperature. Needs shared/exp.wgsl; the kernel's own file gives `logit`, a
// unit's input.

fn group_max(start: u32, states: u32) -> f32 {
    var largest = logit(start);
    for (var k = 1u; k < states; k++) { largest = max(largest, logit(start + k)); }
    return largest;
}

// The sum of exp(beta (x - largest)).
fn group_sum(start: u32, states: u32, beta: f32, largest: f32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < states; k++) { sum += exp_of(beta * (logit(start + k) - largest)); }
    return sum;
}

// The first state whose cumulative sum is above u times the whole sum; `states`, which is none, where a NaN
// keeps every sum from being above.
fn group_state(start: u32, states: u32, beta: f32, u: f32) -> u32 {
    let largest = group_max(start, states);
    let target_sum = u * group_sum(start, states, beta, largest);
    var sum = 0.0;
    var last = states;
    for (var k = 0u; k < states; k++) {
        let e = exp_of(beta * (logit(start + k) - largest));
        sum += e;
        if target_sum < sum { return k; }
        // Where rounding leaves none above, the last state that can be.
        if e > 0.0 { last = k; }
    }
    return select(states, last, target_sum >= sum);
}
