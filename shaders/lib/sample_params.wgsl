// Parameters of the sampler's kernels.

struct Params {
    n_vocab: u32,
    n_lists: u32,    // slices of the logits: workgroups of the first stage
    pad0: u32, pad1: u32,
}

//@use lib/step
