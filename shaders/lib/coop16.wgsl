// Fragments of 16 × 16, as Vulkan devices have them. Four elements to a word of workgroup memory,
// and strides count words.

const SIZE: u32 = 16u;
const PER_WORD: u32 = 4u;
const STRIDE: u32 = SIZE / PER_WORD;

alias CoopWord = vec4<f16>;
alias MatA = coop_mat16x16<f16, A>;
alias MatB = coop_mat16x16<f16, B>;
alias MatC = coop_mat16x16<f32, C>;

fn keep_x(at: u32, v: vec4<f16>) {
    x_tile[at / 4u] = v;
}

fn keep_w(at: u32, v: vec4<f16>) {
    w_tile[at / 4u] = v;
}
