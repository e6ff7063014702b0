// The uniforms of every kernel: `P`, its own static sizes, built when the model is loaded, and `S`,
// what changes from token to token, written once per submit.

@group(0) @binding(0) var<uniform> P: Params;

struct Step {
    n_rows: u32,      // rows (tokens) of this submit
    pos: u32,         // position of row 0
    row: u32,         // the first row to read; single-row kernels read no other
    ids: u32,         // where the rows' token ids begin in the id buffer
    // Sampling: the chain of `kernels::sampling`.
    chosen: u32,      // where the chosen id goes in the id buffer
    recent: u32,      // where the ids that penalties look at begin
    n_recent: u32,
    seed: u32,
    draw_pos: u32,    // position of the token to be chosen
    top_k: u32,
    temperature: f32,
    top_p: f32,
    min_p_ln: f32,    // ln(min_p), or -inf as -3e38 when off
    repeat: f32,
    presence: f32,
    frequency: f32,
    base: u32,        // where the sequence's positions begin in the cache
    logits: u32,      // the row of logits that the sampler reads
    pad0: u32, pad1: u32,
}
@group(0) @binding(1) var<uniform> S: Step;
