// Online softmax over tiles of 32 positions for 16 queries, 64 threads.
//
//   top' = max(top, max s);  total' = total · e^(top − top') + Σ e^(s − top')
// Earlier results are to be scaled by `rescale` = e^(top − top'). A score of LOW is masked.

const LOW: f32 = -3e38;

var<workgroup> scores: array<f32, 512>;
var<workgroup> part: array<f32, 64>;
var<workgroup> rescale: array<f32, 16>;
var<workgroup> top: array<f32, 16>;
var<workgroup> total: array<f32, 16>;

// Turns the tile's scores into weights and keeps each query's running maximum and sum.
fn soften(lane: u32) {
    let m = lane / 4u;
    let base = m * 32u + (lane % 4u) * 8u;
    var largest = LOW;
    for (var j = 0u; j < 8u; j++) {
        largest = max(largest, scores[base + j]);
    }
    part[lane] = largest;
    workgroupBarrier();
    let quad = m * 4u;
    let before = top[m];
    let left = max(part[quad], part[quad + 1u]);
    let right = max(part[quad + 2u], part[quad + 3u]);
    let now = max(max(left, right), before);
    workgroupBarrier();
    var sum = 0.0;
    for (var j = 0u; j < 8u; j++) {
        let s = scores[base + j];
        let weight = select(0.0, exp(s - now), s > LOW);
        scores[base + j] = weight;
        sum += weight;
    }
    part[lane] = sum;
    workgroupBarrier();
    if (lane % 4u == 0u) {
        let factor = select(0.0, exp(before - now), before > LOW);
        rescale[m] = factor;
        top[m] = now;
        let added = part[lane] + part[lane + 1u] + part[lane + 2u] + part[lane + 3u];
        total[m] = total[m] * factor + added;
    }
    workgroupBarrier();
}
