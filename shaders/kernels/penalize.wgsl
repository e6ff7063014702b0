// Penalties on the logits of recent tokens, in place; each distinct token once.
//
//   l > 0: l / repeat, else l · repeat; then l − frequency · count − presence
//@use lib/sample_params
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
@group(0) @binding(5) var<storage, read> token_ids: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    if (lane >= S.n_recent) {
        return;
    }
    let id = token_ids[S.recent + lane];
    var count = 0u;
    for (var i = 0u; i < S.n_recent; i++) {
        if (token_ids[S.recent + i] == id) {
            if (i < lane) {
                return; // counted at its first occurrence
            }
            count++;
        }
    }
    if (id >= P.n_vocab) {
        return;
    }
    let at = S.logits * P.n_vocab + id;
    let l = logits[at];
    let repeated = select(l * S.repeat, l / S.repeat, l > 0.0);
    logits[at] = repeated - (S.frequency * f32(count) + S.presence);
}
