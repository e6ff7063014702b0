// The top_k largest logits of each slice of 1024, sorted: (key, id).
//
// A bitonic sort of the whole slice: its steps do not depend on the data, and one slice fits in
// workgroup memory.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> lists: array<vec2<u32>>;
//@use lib/sort_key

const MAX_K: u32 = 256u;
var<workgroup> items: array<vec2<u32>, 1024>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    for (var i = lane; i < 1024u; i += 256u) {
        let id = group.x * 1024u + i;
        var item = vec2<u32>(0u, id);
        if (id < P.n_vocab) {
            item.x = sort_key(logits[S.logits * P.n_vocab + id]);
        }
        items[i] = item;
    }
    workgroupBarrier();
    for (var size = 2u; size <= 1024u; size <<= 1u) {
        for (var step = size >> 1u; step > 0u; step >>= 1u) {
            for (var pair = lane; pair < 512u; pair += 256u) {
                let a = (pair / step) * 2u * step + pair % step;
                let b = a + step;
                let ascending = (a & size) != 0u;
                if (is_before(items[b], items[a]) != ascending) {
                    let other = items[a];
                    items[a] = items[b];
                    items[b] = other;
                }
            }
            workgroupBarrier();
        }
    }
    if (lane < S.top_k) {
        lists[group.x * MAX_K + lane] = items[lane];
    }
}
