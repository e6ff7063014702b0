// Fragments of 8 × 8, as Metal has them; Metal's loads take a pointer to one element.

const SIZE: u32 = 8u;
const PER_WORD: u32 = 1u;
const STRIDE: u32 = SIZE;

alias CoopWord = f16;
alias MatA = coop_mat8x8<f16, A>;
alias MatB = coop_mat8x8<f16, B>;
alias MatC = coop_mat8x8<f32, C>;

fn keep_x(at: u32, v: vec4<f16>) {
    for (var i = 0u; i < 4u; i++) {
        x_tile[at + i] = v[i];
    }
}

fn keep_w(at: u32, v: vec4<f16>) {
    for (var i = 0u; i < 4u; i++) {
        w_tile[at + i] = v[i];
    }
}
